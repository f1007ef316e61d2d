"""Runs in legs, each from a checkpoint: every engine must give the result of an uninterrupted run."""

import numpy as np
import pytest

from glassbotan.simulate.checkpoint import SavedLegs
from glassbotan.simulate.engines import Dynamics, Thermostat
from glassbotan.simulate.protocol import replicas
from glassbotan.simulate.running import advance
from glassbotan.stopping import Deadline

STEPS = [3, 40, 100, 230, 310]
RAMP = Dynamics(1e-3, Thermostat(1.0, 0.5, 0.1))


class KilledError(Exception):
    pass


def identical(first, second):
    return all(
        a.system == b.system
        and a.step == b.step
        and np.array_equal(a.configuration.positions, b.configuration.positions)
        and np.array_equal(a.configuration.velocities, b.configuration.velocities)
        and np.array_equal(a.configuration.images, b.configuration.images)
        and a.potential_energy == b.potential_energy
        and a.pressure == b.pressure
        for a, b in zip(first, second, strict=True)
    )


@pytest.fixture
def systems(liquid_at_one):
    return replicas(liquid_at_one, 1.0, 3, seed=3, number=1)


@pytest.mark.parametrize("dynamics", [Dynamics(1e-3), RAMP], ids=["NVE", "ramp"])
def test_a_run_killed_anywhere_goes_on_bit_for_bit(engine, systems, dynamics, tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "systems_per_launch", min(2, engine.systems_per_launch))
    options = {"steps_per_leg": 100}
    unbroken = list(advance(engine, systems, STEPS, dynamics, **options))
    assert len(unbroken) == 15

    worked = 0
    for calls in range(1, 100):
        left = calls

        def killed(amount):
            nonlocal left, worked
            left -= 1
            if left < 0:
                raise KilledError
            worked += amount

        legs = SavedLegs(tmp_path, systems, Deadline())
        try:
            again = list(advance(engine, systems, STEPS, dynamics, checkpoints=legs, progress=killed, **options))
            break
        except KilledError:
            continue
    assert calls > 3
    assert identical(unbroken, again)
    # After a kill, only the leg in which it happened is repeated.
    assert worked < 3 * 256 * 310 * 4


def test_damaged_checkpoints_are_set_aside_and_the_run_still_ends_right(engine, systems, tmp_path, capsys):
    options = {"steps_per_leg": 100, "checkpoints": SavedLegs(tmp_path, systems, Deadline())}
    unbroken = list(advance(engine, systems, STEPS, RAMP, **options))
    files = sorted(tmp_path.iterdir())
    files[-1].write_bytes(files[-1].read_bytes()[:-50])
    files[1].write_bytes(b"")
    names = {files[-1].name, files[1].name}
    assert identical(unbroken, list(advance(engine, systems, STEPS, RAMP, **options)))
    said = capsys.readouterr().err
    assert said.count("cannot be read") == 2
    assert {path.name for path in tmp_path.glob("*.aside*")} == {f"{name}.aside1" for name in names}


def test_long_runs_keep_few_files(engine, systems, tmp_path):
    legs = SavedLegs(tmp_path, systems, Deadline())
    list(advance(engine, systems, [150, 1000], RAMP, steps_per_leg=100, checkpoints=legs))
    launches = -(-3 // engine.systems_per_launch)
    assert len(list(tmp_path.iterdir())) == 3 * launches  # those of the leg with a sample, and of the last two legs


def test_legs_change_the_trajectory_by_rounding_alone(engine, systems):
    (whole,) = advance(engine, systems[:1], [300], RAMP)
    (in_legs,) = advance(engine, systems[:1], [300], RAMP, steps_per_leg=100)
    assert np.abs(whole.configuration.unwrapped - in_legs.configuration.unwrapped).max() < 1e-10
    assert in_legs.configuration.kinetic_energy == pytest.approx(whole.configuration.kinetic_energy, rel=1e-10)
