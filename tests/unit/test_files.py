"""Files are written completely or not at all, with a header and a provenance record; bad files give a clear message."""

from dataclasses import replace

import gsd.hoomd
import numpy as np
import pytest

from glassbotan.errors import FileError
from glassbotan.files.configurations import ConfigurationBatch, read_batch, write_batch
from glassbotan.files.ensembles import EnsembleHeader, read_ensemble, write_ensembles
from glassbotan.files.gsd import HEADER_CHUNK, read_gsd_provenance
from glassbotan.files.header import new_header, require, require_stage
from glassbotan.files.npz import read_npz, read_npz_provenance, write_npz
from glassbotan.files.plain import atomic_write
from glassbotan.provenance import STAGE_VERSIONS, Provenance
from glassbotan.simulate.configurations import lattice, maxwell_boltzmann, random_generator
from glassbotan.simulate.engines import Sample
from glassbotan.simulate.protocol import replicas
from glassbotan.study.simulation import Ensemble, Liquid


@pytest.fixture
def configuration():
    return lattice(Liquid(particles=300), 0.64, random_generator(0, 0.64, 1, 0))


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("old")

    def write_half():
        with atomic_write(path) as beside:
            beside.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_half()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def batch_of(*configurations):
    numbers = tuple(range(1, len(configurations) + 1))
    return ConfigurationBatch("test", "melt", 0.64, 5.0, numbers, configurations, [{} for _ in configurations])


def test_configurations_survive_their_file(configuration, tmp_path):
    path = tmp_path / "b001.gsd"
    write_batch(path, batch_of(configuration, configuration), {"wall_seconds": 7})
    batch = read_batch(path, "melt")
    assert (batch.study, batch.temperature, batch.final_temperature, batch.numbers) == ("test", 0.64, 5.0, (1, 2))
    assert read_gsd_provenance(path) == {"wall_seconds": 7}
    first = batch.configurations[0]
    assert first.box_length == configuration.box_length  # exactly, since displacements contain multiples of it
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
    velocities = maxwell_boltzmann(np.ones(50_000), 0.44, rng)
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
    moved = 4 * rng.normal(size=(300, 3))  # many cross the boundary
    starts = replicas(configuration, 0.64, 2, seed=1, number=1)
    samples = []
    for index, start in enumerate(starts):
        end = type(start)(start.positions + moved, start.images, start.velocities, start.species, start.box_length)
        samples.append(Sample(index, 500, end.wrapped(), -1.5, 2.0))
    header = EnsembleHeader("test", 0.64, 1, (0.5,), 1e-3, 2, {"time": [1.0], "potential_energy": [-6.0]})
    other = replace(header, configuration=2, replicas=1)
    ends = [*samples, samples[0]._replace(system=2, potential_energy=-9.0)]
    folder = tmp_path / "b001"
    write_ensembles(folder, [(header, configuration), (other, configuration)], ends, lambda: {"wall_seconds": 7})
    assert [path.name for path in tmp_path.iterdir()] == ["b001"]
    with read_ensemble(folder / "c0002.gsd") as ensemble:
        assert [(frame.replica, frame.log["potential_energy"].item()) for frame in ensemble.frames()] == [(1, -9.0)]
    path = folder / "c0001.gsd"
    with read_ensemble(path) as ensemble:
        assert ensemble.header.times == (0.5,)
        assert ensemble.header.equilibration == header.equilibration
        frames = list(ensemble.frames())
        assert [(frame.replica, frame.step) for frame in frames] == [(1, 500), (2, 500)]
        assert np.allclose(frames[0].displacements, moved, rtol=0, atol=2e-6)
    with gsd.hoomd.open(path) as trajectory:
        assert trajectory[2].log["potential_energy"].tolist() == [-1.5]
        assert trajectory[0].particles.types == ["A", "B"]


def test_simulations_of_version_0_1_can_be_read(configuration, tmp_path, monkeypatch):
    """That version wrote no header, but a record of how the file was made, with the facts where they are here."""
    integrator = {"timestep": 1e-3, "thermostat_time": 0.1}
    common = {"stage_version": 2, "study": "old", "box_length": configuration.box_length}
    melted = common | {
        "stage": "melt",
        "settings": {"study": "old", "temperature": 0.64, "integrator": integrator},
        "configurations": [3],
        "final_temperature": 5.0,
    }
    ran = common | {
        "stage": "ensemble",
        "settings": {
            "study": "old",
            "temperature": 0.64,
            "integrator": integrator,
            "configuration": 3,
            "times": [0.5],
            "ensemble": {"replicas": 1},
        },
        "equilibration": {"time": [1.0], "potential_energy": [-6.0]},
    }
    header = EnsembleHeader("", 0, 0, (), 0, 1, {})
    with monkeypatch.context() as old:
        old.setattr("glassbotan.files.gsd.HEADER_CHUNK", "unknown")
        write_batch(tmp_path / "melt.gsd", batch_of(configuration), melted)
        sample = Sample(0, 500, configuration, -1.5, 2.0)
        write_ensembles(tmp_path / "old", [(header, configuration)], [sample], lambda: ran)
    batch = read_batch(tmp_path / "melt.gsd", "melt")
    assert (batch.study, batch.temperature, batch.final_temperature, batch.numbers) == ("old", 0.64, 5.0, (3,))
    assert batch.configurations[0].box_length == configuration.box_length
    with read_ensemble(tmp_path / "old" / "c0000.gsd") as ensemble:
        assert ensemble.header == EnsembleHeader("old", 0.64, 3, (0.5,), 1e-3, 1, ran["equilibration"])


@pytest.mark.parametrize("keep", [0, 100, 0.5, 0.98])
def test_truncated_gsd_gets_a_message(configuration, tmp_path, keep):
    path = tmp_path / "b001.gsd"
    write_batch(path, batch_of(*[configuration] * 3), {})
    whole = path.read_bytes()
    path.write_bytes(whole[: keep if isinstance(keep, int) else int(keep * len(whole))])
    with pytest.raises(FileError, match=r"b001.gsd .*make it again"):
        read_batch(path)


def test_foreign_gsd_gets_a_message(tmp_path):
    path = tmp_path / "other.gsd"
    with gsd.hoomd.open(path, mode="w") as trajectory:
        trajectory.append(gsd.hoomd.Frame())
    with pytest.raises(FileError, match="was written by another program"):
        read_batch(path)


def test_simulations_of_version_0_1_stay_usable(configuration, tmp_path, monkeypatch):
    """Their files have no header; its entries are taken from the provenance record."""
    made = {"stage": "equilibrate", "stage_version": STAGE_VERSIONS["equilibrate"], "study": "old"}
    made |= {"configurations": [3], "final_temperature": 0.64, "box_length": configuration.box_length}
    made["settings"] = {"temperature": 0.64, "time": 50.0}
    monkeypatch.setattr("glassbotan.files.gsd.HEADER_CHUNK", "glassbotan/none")
    write_batch(tmp_path / "b001.gsd", batch_of(configuration), made)
    monkeypatch.setattr("glassbotan.files.gsd.HEADER_CHUNK", HEADER_CHUNK)
    batch = read_batch(tmp_path / "b001.gsd", "equilibrate")
    assert (batch.study, batch.stage, batch.temperature, batch.numbers) == ("old", "equilibrate", 0.64, (3,))
    assert batch.configurations[0].box_length == configuration.box_length


@pytest.mark.parametrize("keep", [0, 50, 0.5, 0.99])
def test_truncated_npz_gets_a_message(tmp_path, keep):
    path = tmp_path / "c0001.npz"
    write_npz(path, {"study": "test"}, {}, {"values": np.arange(1000)})
    whole = path.read_bytes()
    path.write_bytes(whole[: keep if isinstance(keep, int) else int(keep * len(whole))])
    with pytest.raises(FileError, match=r"c0001.npz cannot be read .*make it again"):
        read_npz(path)


def test_missing_and_foreign_npz_get_a_message(tmp_path):
    with pytest.raises(FileError, match="does not exist"):
        read_npz(tmp_path / "none.npz")
    np.savez(tmp_path / "other.npz", x=1)
    with pytest.raises(FileError, match="glassbotan did not write it"):
        read_npz(tmp_path / "other.npz")
    np.savez(tmp_path / "old.npz", provenance="{}")
    with pytest.raises(FileError, match="made by an older version of glassbotan"):
        read_npz(tmp_path / "old.npz")
    np.save(tmp_path / "single.npy", np.ones(3))
    with pytest.raises(FileError, match="it holds a single array"):
        read_npz(tmp_path / "single.npy")


def test_arrays_are_read_when_they_are_asked_for(tmp_path):
    path = tmp_path / "c0001.npz"
    write_npz(path, {"study": "test"}, {"wall_seconds": 7}, {"x": np.arange(3), "y": np.ones(2)})
    header, arrays = read_npz(path)
    assert (header, read_npz_provenance(path)) == ({"study": "test"}, {"wall_seconds": 7})
    assert [*arrays] == ["x", "y"]
    assert arrays["x"].tolist() == [0, 1, 2]
    with pytest.raises(FileError, match="has no z; make it again"):
        arrays.read("x", "z")
    path.unlink()
    with pytest.raises(FileError, match="does not exist"):
        _ = arrays["y"]


def test_products_of_other_stages_versions_and_places_are_refused(tmp_path):
    path = tmp_path / "c0001.npz"
    header = new_header("targets", "tiny", temperature=0.9)
    require_stage(path, header, "targets")
    with pytest.raises(FileError, match="was made with stage = 'targets', but 'predict' was expected"):
        require_stage(path, header, "predict")
    with pytest.raises(FileError, match=r"was made by version 99 of the stage targets, but .* make it again"):
        require_stage(path, header | {"stage_version": 99}, "targets")
    with pytest.raises(FileError, match=r"was made with temperature = 0.9, but 0.5 was expected"):
        require(path, header, study="tiny", temperature=0.5)


def test_npz_with_pickled_objects_is_not_executed(tmp_path):
    path = tmp_path / "evil.npz"
    np.savez(path, header=np.array("{}"), x=np.array([{"a": 1}], dtype=object))
    _, arrays = read_npz(path)
    with pytest.raises(FileError, match="cannot be read"):
        arrays.read("x")


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
