"""Files: whole or not at all, with a record of their making, and a sentence where they are not what they should be."""

import gsd.hoomd
import numpy as np
import pytest

from glassbotan.errors import FileError
from glassbotan.files import read_npz, write_npz, written_whole
from glassbotan.provenance import Provenance
from glassbotan.simulate.configurations import (
    lattice,
    maxwell_boltzmann,
    random_generator,
    read_configurations,
    write_configurations,
)
from glassbotan.simulate.engines import Sample
from glassbotan.simulate.protocol import replicas
from glassbotan.simulate.trajectories import read_ensemble, write_ensemble
from glassbotan.study import Ensemble, Liquid


@pytest.fixture
def configuration():
    return lattice(Liquid(particles=300), 0.64, random_generator(0, 0.64, 1, 0))


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("old")

    def write_half():
        with written_whole(path) as beside:
            beside.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_half()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_configurations_survive_their_file(configuration, tmp_path):
    path = tmp_path / "b001.gsd"
    write_configurations(path, [configuration, configuration], {"study": "test"})
    (first, _), provenance = read_configurations(path)
    assert provenance["study"] == "test"
    assert first.box_length == configuration.box_length  # to the last digit: displacements are counted in boxes
    assert np.array_equal(first.species, configuration.species)
    assert np.allclose(first.positions, configuration.positions, atol=1e-6)  # GSD is single precision
    assert np.allclose(first.velocities, configuration.velocities, atol=1e-6)


def test_lattice_has_the_liquids_composition_and_no_overlap():
    liquid = Liquid(particles=4096)
    start = lattice(liquid, 5.0, random_generator(0, 0.44, 1, 0))
    assert (start.species == 0).sum() == 3277
    assert start.box_length == pytest.approx(15.05658, abs=1e-5)
    spacing = np.diff(np.unique(start.positions[:, 0].round(9)))
    assert spacing.min() > 0.9
    assert np.abs(start.momentum).max() < 1e-10


def test_momenta_are_maxwell_boltzmann_with_the_centre_at_rest(rng):
    velocities = maxwell_boltzmann(50_000, 0.44, rng)
    assert np.abs(velocities.sum(axis=0)).max() < 1e-8
    assert velocities.var(axis=0) == pytest.approx([0.44] * 3, rel=0.03)


def test_replicas_share_positions_and_differ_in_momenta(configuration):
    first, second = replicas(configuration, 0.64, 2, seed=1, number=5)
    again, _ = replicas(configuration, 0.64, 2, seed=1, number=5)
    assert np.array_equal(first.positions, second.positions)
    assert not np.array_equal(first.velocities, second.velocities)
    assert np.array_equal(first.velocities, again.velocities)
    assert not first.images.any()


def test_ensemble_gives_displacements_back(configuration, tmp_path, rng):
    path = tmp_path / "c0001.gsd"
    moved = 4 * rng.normal(size=(300, 3))  # many cross the boundary
    starts = replicas(configuration, 0.64, 2, seed=1, number=1)
    samples = []
    for index, start in enumerate(starts):
        end = type(start)(start.positions + moved, start.images, start.velocities, start.species, start.box_length)
        samples.append(Sample(index, 500, end.wrapped(), -1.5, 2.0))
    write_ensemble(path, configuration, samples, lambda: {"study": "test"})
    with read_ensemble(path) as ensemble:
        moments = list(ensemble.moments())
        assert [(moment.replica, moment.step) for moment in moments] == [(1, 500), (2, 500)]
        assert np.allclose(moments[0].displacements, moved, rtol=0, atol=2e-6)
    with gsd.hoomd.open(path) as trajectory:
        assert trajectory[2].log["potential_energy"].tolist() == [-1.5]
        assert trajectory[0].particles.types == ["A", "B"]


@pytest.mark.parametrize("keep", [0, 100, 0.5, 0.98])
def test_truncated_gsd_gets_a_sentence(configuration, tmp_path, keep):
    path = tmp_path / "b001.gsd"
    write_configurations(path, [configuration] * 3, {"study": "test"})
    whole = path.read_bytes()
    path.write_bytes(whole[: keep if isinstance(keep, int) else int(keep * len(whole))])
    with pytest.raises(FileError, match=r"b001.gsd .*make it again"):
        read_configurations(path)


def test_foreign_gsd_gets_a_sentence(tmp_path):
    path = tmp_path / "other.gsd"
    with gsd.hoomd.open(path, mode="w") as trajectory:
        trajectory.append(gsd.hoomd.Frame())
    with pytest.raises(FileError, match="not glassbotan's"):
        read_configurations(path)


@pytest.mark.parametrize("keep", [0, 50, 0.5, 0.99])
def test_truncated_npz_gets_a_sentence(tmp_path, keep):
    path = tmp_path / "c0001.npz"
    write_npz(path, {"study": "test"}, values=np.arange(1000))
    whole = path.read_bytes()
    path.write_bytes(whole[: keep if isinstance(keep, int) else int(keep * len(whole))])
    with pytest.raises(FileError, match=r"c0001.npz cannot be read .*make it again"):
        read_npz(path)


def test_missing_and_foreign_npz_get_a_sentence(tmp_path):
    with pytest.raises(FileError, match="does not exist"):
        read_npz(tmp_path / "none.npz")
    np.savez(tmp_path / "other.npz", x=1)
    with pytest.raises(FileError, match="glassbotan did not write it"):
        read_npz(tmp_path / "other.npz")


def test_npz_with_pickled_objects_is_not_executed(tmp_path):
    path = tmp_path / "evil.npz"
    np.savez(path, provenance=np.array("{}"), x=np.array([{"a": 1}], dtype=object))
    with pytest.raises(FileError, match="cannot be read"):
        read_npz(path)


def test_provenance_names_everything(tmp_path):
    source = tmp_path / "input.txt"
    source.write_text("abc")
    record = Provenance("melt", "quickstart", {"seed": 5}, [source]).finish(particle_steps=10)
    # The published SHA-256 of "abc".
    assert record["inputs"][str(source)].startswith("ba7816bf8f01cfea414140de5dae2223")
    assert {"stage", "stage_version", "study", "settings", "git_commit", "versions", "wall_seconds"} < record.keys()
    assert record["versions"]["numpy"] == np.__version__
    assert record["particle_steps"] == 10


def test_relaxation_steps_are_even_in_the_logarithm_and_hold_the_sampling_steps():
    ensemble = Ensemble(relaxation_points_per_decade=8)
    steps = ensemble.relaxation_steps([100, 520, 1650, 10_000])
    assert {100, 520, 1650, 10_000} <= set(steps)
    assert steps == sorted(set(steps))
    assert 17 <= len(steps) <= 19
    assert ensemble.relaxation_steps([100]) == [100]
