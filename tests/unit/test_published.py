"""Files in the formats of the public releases, written from a real ensemble and read back."""

import os
import pickle
import re

import numpy as np
import pytest
import torch

from glassbotan.cli import main
from glassbotan.dynamics.pairs import minimum_image
from glassbotan.errors import FileError
from glassbotan.files.fitted import read_fitted
from glassbotan.files.npz import read_npz_provenance
from glassbotan.files.targets import read_targets
from glassbotan.learn.graphs import pair_average, structure_graph
from glassbotan.predictors.botan import Network
from glassbotan.predictors.botan.network import BOTAN
from glassbotan.predictors.botan.weights import read_weights
from glassbotan.published.starts import read_start
from glassbotan.simulate.engines import Dynamics, load_engine
from glassbotan.simulate.protocol import replicas
from glassbotan.simulate.running import advance
from glassbotan.statistics import correlation
from glassbotan.structure.static import StaticStructure
from glassbotan.study.simulation import Liquid

STEPS = [200, 2000]
LIQUID = Liquid(particles=256)
TIMES = "0.2,2.0"


@pytest.fixture(scope="module")
def ensemble(liquid_at_one):
    """(n_t, n_r, N, 3), unwrapped positions of four replicas at two times, and the configuration they start from."""
    start = liquid_at_one.in_the_box()
    systems = replicas(start, 1.0, 4, seed=3, number=1)
    ends = np.zeros((len(STEPS), len(systems), len(start), 3))
    for sample in advance(load_engine("auto"), systems, STEPS, Dynamics(1e-3)):
        ends[STEPS.index(sample.step), sample.system] = sample.configuration.unwrapped
    return ends, start


def write_botan(folder, ends, start, **changes):
    paths = []
    for index, positions in enumerate(ends):
        arrays = {"types": start.species.astype(np.int8), "initial_positions": start.positions, "positions": positions}
        paths.append(folder / f"configuration_tc{index + 1:02d}.npz")
        np.savez(paths[-1], **{name: value for name, value in (arrays | changes).items() if value is not None})
    return paths


def write_glassy_dynamics(folder, ends, start, **changes):
    content = {
        "positions": start.positions,
        "types": start.species.astype(np.int32),
        "box": np.full(3, start.box_length),
        "time": np.array([0.0, 0.2, 2.0]),
        "time_indices": np.array([1, 2]),
        "trajectory_target_positions": [list(positions) for positions in ends],
        "metadata": {"temperature": 1.0, "fluid": "KA"},
    }
    path = folder / "test_0.pickle"
    path.write_bytes(pickle.dumps(content | changes, protocol=3))
    return [path]


def write_glassbench(folder, ends, start, **changes):
    propensity = np.linalg.norm(ends - start.positions, axis=-1).mean(axis=1)
    arrays = {"types": start.species + 1, "initial_positions": start.positions, "md_prop": propensity}
    path = folder / "N256T1.00_1.npz"
    np.savez(path, **(arrays | changes))
    return [path]


WRITERS = {"botan": write_botan, "glassy-dynamics": write_glassy_dynamics, "glassbench": write_glassbench}


def import_files(kind, paths, output, *more):
    main(
        ["import", kind, *map(str, paths), "--study", "s", "--temperature", "1.0", "--configuration", "4", "--times",
         TIMES, "--liquid.particles", "256", "--output", str(output), *more]
    )  # fmt: skip
    return read_targets(output)


def refusal(capsys, *arguments):
    """The message of a command that refuses its input; checks that it is one line and that nothing was written."""
    with pytest.raises(SystemExit) as stop:
        import_files(*arguments)
    assert stop.value.code == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "Traceback" not in error
    assert not arguments[2].exists()
    return error


@pytest.mark.parametrize("kind", WRITERS)
def test_targets_are_those_of_the_trajectories(kind, ensemble, tmp_path):
    ends, start = ensemble
    found = import_files(kind, WRITERS[kind](tmp_path, ends, start), tmp_path / "c0004.npz")
    assert (found.study, found.configuration, found.temperature) == ("s", 4, 1.0)
    assert read_npz_provenance(found.path)["format"] == kind
    assert found.quality.configurational_temperature == pytest.approx(1.0, rel=0.2)
    assert found.quality.temperature is None  # it cannot be computed from positions
    structure = found.structure()
    assert np.array_equal(structure.species, start.species)
    assert np.abs(minimum_image(structure.positions - start.positions, start.box_length)).max() < 1e-9
    displacements = ends - start.positions
    assert np.allclose(found.means["S"], np.linalg.norm(displacements, axis=-1).mean(axis=1), atol=1e-6)
    i, j = structure.pairs.T
    r0 = minimum_image(start.positions[j] - start.positions[i], start.box_length)
    apart = minimum_image(r0 + displacements[:, :, j] - displacements[:, :, i], start.box_length)
    change = np.linalg.norm(apart, axis=-1).mean(axis=1) - np.linalg.norm(r0, axis=-1)
    if kind == "glassbench":
        assert [*found.means] == ["S"]
        assert [*found.halves] == []
        assert found.replicas is None
    else:
        assert np.allclose(found.means["E"], change, atol=1e-6)
        assert found.halves["S"].shape == (2, 2, 256)
        assert found.replicas == 4


def test_fewer_replicas_are_the_first(ensemble, tmp_path):
    ends, start = ensemble
    few = import_files("botan", write_botan(tmp_path, ends[:, :2], start), tmp_path / "two.npz")
    of_all = write_botan(tmp_path, ends, start)
    first = import_files("botan", of_all, tmp_path / "first.npz", "--targets.most-replicas", "2")
    assert all(np.array_equal(few.arrays[name], first.arrays[name]) for name in few.arrays)


def test_predictions_go_out_as_they_came_in(ensemble, tmp_path):
    """Import a GlassBench file, fit a network, predict, and export the predictions in the same format."""
    ends, start = ensemble
    (path,) = write_glassbench(tmp_path, ends, start)
    import_files("glassbench", [path], tmp_path / "c0004.npz")
    (tmp_path / "train").mkdir()
    import_files(
        "glassbench", [path], tmp_path / "train" / "c0001.npz", "--configuration", "1"
    )  # overrides the number that import_files gives
    common = ["--study", "s", "--temperature", "1.0"]
    for index in ("1", "2"):
        model, predictions = tmp_path / f"{index}.safetensors", tmp_path / f"{index}" / "predictions.npz"
        main(
            ["fit", *common, "--time-indices", index, "--model.kind", "botan", "--model.name", "NT-GNN",
             "--model.p", "1", "--model.network.width", "8", "--model.network.rounds", "2", "--train", "1",
             "--model.training.epochs", "2", "--model.training.target-scaling", "configuration",
             "--output", str(model), str(tmp_path / "train" / "c0001.npz")]
        )  # fmt: skip
        main(
            ["predict-test", *common, "--time-indices", index, "--predictor", str(model), "--output", str(predictions),
             str(tmp_path / "c0004.npz")]
        )  # fmt: skip
    out = tmp_path / "glassbench"
    main(
        ["export", "--study", "s", "--name", "Ours", "--output", str(out)]
        + [str(tmp_path / index / "predictions.npz") for index in ("1", "2")]
    )
    with np.load(path) as theirs, np.load(out / "N256T1.00_4.npz") as ours:
        assert {*ours.files} == {*theirs.files, "Ours"}
        for name in ("types", "md_prop"):
            assert np.allclose(ours[name], theirs[name], atol=1e-6)
        assert ours["Ours"].shape == (2, 256)
        assert ours["initial_positions"].min() >= -start.box_length / 2
        assert ours["initial_positions"].max() < start.box_length / 2
    score = tmp_path / "pearson.csv"
    main(["score", "--study", "s", "--output", str(score), str(tmp_path / "1" / "predictions.npz")])
    assert "NT-GNN" in score.with_suffix(".txt").read_text()


def test_pairs_that_were_not_published_cannot_be_learnt(ensemble, tmp_path, capsys):
    ends, start = ensemble
    import_files("glassbench", write_glassbench(tmp_path, ends, start), tmp_path / "c0004.npz")
    with pytest.raises(SystemExit):
        main(
            ["fit", "--study", "s", "--temperature", "1.0", "--time-indices", "1", "--model.kind", "botan",
             "--train", "4", "--output", str(tmp_path / "m.safetensors"), str(tmp_path / "c0004.npz")]
        )  # fmt: skip
    assert "c0004.npz holds no pair-distance change E (it was not published, or" in (error := capsys.readouterr().err)
    assert "fit a model that predicts S" in error


def moved(start, **changes):
    positions = start.positions.copy()
    for particle, to in changes.items():
        positions[int(particle[1:])] = to
    return positions


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda start: {"types": None}, "has no types, but"),
        (lambda start: {"types": np.where(np.arange(256) < 3, 2, start.species)}, "types are [0, 1, 2]"),
        (lambda start: {"types": start.species[:-1]}, "types have shape (255,)"),
        (lambda start: {"initial_positions": start.positions * 1.5}, "reach over"),
        (lambda start: {"initial_positions": moved(start, p3=start.positions[5])}, "particles 3 and 5 are 0 apart"),
        (lambda start: {"initial_positions": moved(start, p3=np.nan)}, "not finite"),
        (lambda start: {"initial_positions": start.positions[:, :2]}, "(N, 3) was expected"),
        (lambda start: {"positions": np.zeros((4, 255, 3))}, "replicas' positions have shape (4, 255, 3)"),
    ],
)
def test_bad_configurations_are_refused(change, says, ensemble, tmp_path, capsys):
    ends, start = ensemble
    paths = write_botan(tmp_path, ends, start, **change(start))
    assert says in refusal(capsys, "botan", paths, tmp_path / "out.npz")


def test_other_numbers_than_expected_are_refused(ensemble, tmp_path, capsys):
    ends, start = ensemble
    paths = write_botan(tmp_path, ends, start)
    output = tmp_path / "out.npz"
    assert "has 1 sampling times, but 2 were named" in refusal(capsys, "botan", paths[:1], output)
    error = refusal(capsys, "botan", paths, output, "--liquid.particles", "300")
    assert "has 256 particles, but 300 were expected" in error
    assert "does not exist" in refusal(capsys, "botan", [tmp_path / "none.npz"] * 2, output)
    assert "2 files were named" in refusal(capsys, "glassbench", paths, output)


def test_a_particle_alone_is_refused(tmp_path, capsys, ensemble):
    ends, start = ensemble
    # Remove all particles within 2 of particle 0, so that it has no neighbours.
    apart = np.linalg.norm(minimum_image(start.positions - start.positions[0], start.box_length), axis=1)
    left = (apart > 2) | (apart == 0)
    paths = write_botan(
        tmp_path,
        ends[:, :, left],
        start,
        initial_positions=start.positions[left],
        types=start.species[left],
    )
    density = 256 / start.box_length**3 * left.mean()
    error = refusal(
        capsys, "botan", paths, tmp_path / "out.npz", "--liquid.particles", str(left.sum()), "--liquid.density",
        repr(float(density))
    )  # fmt: skip
    assert "particle 0 has no neighbour within 2" in error


class Malicious:
    def __reduce__(self):
        return os.system, ("touch executed",)


def test_nothing_in_a_file_is_executed(ensemble, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ends, start = ensemble
    output = tmp_path / "out.npz"
    paths = write_glassy_dynamics(tmp_path, ends, start, metadata=Malicious())
    assert "it refers to posix.system" in refusal(capsys, "glassy-dynamics", paths, output)
    paths[0].write_bytes(paths[0].read_bytes()[:500])
    assert "cannot be read as a pickle" in refusal(capsys, "glassy-dynamics", paths, output)
    objects = write_botan(tmp_path, ends, start, types=np.array([Malicious()], dtype=object))
    assert "nothing is ever unpickled" in refusal(capsys, "botan", objects, output)
    torch.save({"node_encoder.fc1.weight": Malicious()}, tmp_path / "weights.pth")
    with pytest.raises(SystemExit):
        import_weights(tmp_path / "weights.pth", tmp_path / "m.safetensors")
    assert "cannot be read as weights alone" in capsys.readouterr().err
    assert not (tmp_path / "executed").exists()


def import_weights(path, output, *more):
    main(["import", "weights", str(path), "--study", "s", "--output", str(output), *more])


def published_state():
    """A state dictionary of the published shape and names."""
    torch.manual_seed(0)
    shapes = {"node_encoder": (1, 2), "edge_encoder": (3, 2), "network.edge_model.mlp": (256, 2),
              "network.node_model.mlp": (192, 2), "decoder": (64, 3)}  # fmt: skip
    state = {}
    for name, (inputs, layers) in shapes.items():
        for layer in range(1, layers + 1):
            outputs = 1 if layer == 3 else 64
            state[f"{name}.fc{layer}.weight"] = torch.randn(outputs, inputs if layer == 1 else 64) / 8
            state[f"{name}.fc{layer}.bias"] = torch.randn(outputs) / 8
    return state


def published_network(state, graph):
    """The published network as the paper writes it, with concatenated inputs, from its state dictionary."""

    def layers(name, x, count=2):
        for layer in range(1, count + 1):
            x = x @ state[f"{name}.fc{layer}.weight"].t() + state[f"{name}.fc{layer}.bias"]
            x = torch.relu(x) if layer < 3 else x
        return x

    sender, receiver = graph.edge_index.long()
    node0, edge0 = layers("node_encoder", graph.species), layers("edge_encoder", graph.separation)
    node, edge = node0, edge0
    for _ in range(7):
        edge = layers("network.edge_model.mlp", torch.cat([node[sender], node[receiver], edge, edge0], dim=1))
        incoming = torch.zeros_like(node).index_add(0, receiver, edge)
        node = layers("network.node_model.mlp", torch.cat([node, node0, incoming], dim=1))
    return layers("decoder", node, 3)[:, 0], layers("decoder", edge, 3)[:, 0]


def test_published_weights_give_the_published_outputs(liquid_at_one, tmp_path):
    state = published_state()
    torch.save(state, tmp_path / "model1.pth")
    import_weights(
        tmp_path / "model1.pth",
        tmp_path / "m.safetensors",
        "--model",
        '{"kind":"botan","p":0.4}',
        "--learnt-from",
        "1-3",
    )
    predictor = read_fitted(tmp_path / "m.safetensors").predictor
    assert predictor.settings.predicts == ("S", "E")
    assert predictor.domain.seen == (1, 2, 3)
    graph = structure_graph(
        StaticStructure.of_positions(liquid_at_one.positions, liquid_at_one.species, liquid_at_one.box_length, 2.0)
    )
    with torch.no_grad():
        ours, theirs = predictor.network()(graph), published_network(state, graph)
    for found, expected in zip(ours, theirs, strict=True):
        assert expected.std() > 0.01
        assert torch.allclose(found[:, 0], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda state: state.pop("decoder.fc3.bias"), "decoder.fc3.bias has shape none (it is missing)"),
        (lambda state: state.update({"extra.weight": torch.ones(2)}), "extra.weight has shape (2,), but nothing"),
        (lambda state: state.update({"decoder.fc1.bias": torch.ones(32)}), "bias has shape (32,), but (64,)"),
        (lambda state: state["decoder.fc1.bias"].fill_(torch.nan), "decoder.fc1.bias holds a value that is not finite"),
    ],
)  # fmt: skip
def test_other_weights_are_refused(change, says, tmp_path, capsys):
    state = published_state()
    change(state)
    torch.save(state, tmp_path / "model.pth")
    with pytest.raises(SystemExit) as stop:
        import_weights(tmp_path / "model.pth", tmp_path / "m.safetensors")
    assert stop.value.code == 1
    assert says in capsys.readouterr().err
    assert not (tmp_path / "m.safetensors").exists()


@pytest.mark.parametrize(("configuration", "expected"), [(401, 0.54), (402, 0.43), (403, 0.42)])
def test_published_weights_on_published_trajectories(published, configuration, expected, tmp_path):
    """Correlation of the pretrained network's output on edges with E at t = 4120, for A-A pairs within 1.35."""
    path = published / "test" / f"isoconfig_N4096T0.44_{configuration}_tc07.npz"
    output = tmp_path / "targets.npz"
    main(
        ["import", "botan", str(path), "--study", "s", "--temperature", "0.44", "--configuration", str(configuration),
         "--times", "4120", "--output", str(output)]
    )  # fmt: skip
    found = read_targets(output)
    structure = found.structure()
    weights = published.parent / "initial_model" / "model1.pth"
    state = torch.load(weights, map_location="cpu", weights_only=True)
    model = BOTAN(Network())
    model.load_state_dict(read_weights(weights))
    graph = structure_graph(structure)
    with torch.no_grad():
        ours, theirs = model(graph), published_network(state, graph)
    for mine, wanted in zip(ours, theirs, strict=True):
        assert torch.allclose(mine[:, 0], wanted, rtol=0, atol=1e-5)
    near = structure.pairs_of_a(1.35)
    predicted = pair_average(graph, ours[1])[:, 0].numpy()
    assert correlation(predicted[near], found.means["E"][0][near]) == pytest.approx(expected, abs=0.006)


def test_ensembles_start_from_published_configurations_and_their_ends(ensemble, tmp_path):
    ends, start = ensemble
    path = write_botan(tmp_path, ends, start)[1]
    first = read_start(path, None, LIQUID)
    assert np.allclose(minimum_image(first.positions - start.positions, start.box_length), 0, atol=1e-9)
    third = read_start(path, 3, LIQUID)
    assert np.allclose(minimum_image(third.positions - ends[1, 2], start.box_length), 0, atol=1e-6)
    assert np.abs(third.positions).max() <= start.box_length / 2
    assert not third.images.any()


def test_a_start_of_another_liquid_or_replica_is_refused(ensemble, tmp_path):
    path = write_botan(tmp_path, *ensemble)[0]
    with pytest.raises(FileError, match="has replicas 1 to 4, but replica 5 was asked for"):
        read_start(path, 5, LIQUID)
    with pytest.raises(FileError, match=r"has 256 particles, 205 of them A, .* but the study's liquid has 300, 240"):
        read_start(path, None, Liquid(particles=300))


def test_targets_of_another_study_are_taken_over(ensemble, tmp_path, capsys):
    """At the times that are asked for, under the number that the configuration has in the new study."""
    ends, start = ensemble
    own = tmp_path / "c0001.npz"
    import_files("botan", write_botan(tmp_path, ends, start), own)
    taken, asked = tmp_path / "c0501.npz", ["import", "targets", "--study", "plus", "--configuration", "501"]
    options = ["--temperature", "1.0", "--liquid.particles", "256", "--times", "2.0", "--output", str(taken), str(own)]
    main([*asked, *options])
    before, after = read_targets(own), read_targets(taken)
    assert (after.study, after.configuration, after.times.tolist()) == ("plus", 501, [2.0])
    for symbol in ("S", "E", "D"):
        assert np.array_equal(after.means[symbol], before.means[symbol][1:])
        assert np.array_equal(after.halves[symbol], before.halves[symbol][1:])
    assert np.array_equal(after.structure().positions, before.structure().positions)
    assert after.scattering_times.tolist() == [2.0]
    assert read_npz_provenance(taken)["configuration"] == 4
    for key, value, message in (
        ("--temperature", "0.9", r"was made with temperature = 1.0, but 0.9 was expected"),
        ("--times", "3.0", r"has the sampling times \[0.2, 2.0\], but \[3.0\] was asked for"),
        ("--liquid.particles", "300", "was made with particles = 256, but 300 was expected"),
        ("--liquid.density", "1.1", r"has density 1.2, but 1.1 was expected: it is another liquid"),
        ("--targets.pair-range", "1.8", r"was made with pair_range = 2.0, but 1.8 was expected"),
    ):
        with pytest.raises(SystemExit):
            main([*asked, *options, key, value])
        assert re.search(message, capsys.readouterr().err), message
