"""States behind a structure, their files, and what describes a particle in them, against plain calculations."""

from dataclasses import replace
from types import SimpleNamespace

import freud
import numpy as np
import pytest

from glassbotan.dynamics.pairs import minimum_image
from glassbotan.errors import FileError
from glassbotan.files.structures import read_structures, write_structures
from glassbotan.files.targets import read_matching_targets, read_targets
from glassbotan.kob_andersen import interactions
from glassbotan.predictors import cage_displacement
from glassbotan.predictors.registry import kinds
from glassbotan.predictors.ridges import Descriptors
from glassbotan.predictors.softness import extremes
from glassbotan.structure.descriptors import _bond_order, _bonds
from glassbotan.structure.fields import coarse_grained_fields, voronoi_surfaces
from glassbotan.structure.functions import ANGULAR, StructureFunctions
from glassbotan.structure.pair_kinds import KINDS, kinds_of_pairs
from glassbotan.structure.states import StructureState, cost_of, name_of, numbers_of, parsed
from glassbotan.structure.static import StaticStructure


@pytest.fixture
def structure(targets_files, structure_files):
    (found,) = read_matching_targets([targets_files[1], structure_files[1]])
    return found.structure()


def write_again(path, structure, found):
    """Write the states of a structure file as those of configuration 1 with the given structure."""
    write_structures(
        path, structure, found.states(), {}, study="test", temperature=0.9, configuration=1, settings=found.settings,
        timestep=0.005,
    )  # fmt: skip


def test_states_are_named_by_kind_and_number():
    assert parsed("cage-0.40") == ("cage", 0.4)
    assert parsed("inherent") == ("inherent", 0.0)
    assert name_of("short", 13.0) == "short-13"
    assert numbers_of("cage", ["cage-0.4", "thermal", "cage-0.2", "short-3"]) == (0.2, 0.4)
    for wrong in ("cage", "cage-0", "cage-x", "frozen", "short-", "inherent-2"):
        with pytest.raises(ValueError, match=rf"the states of a structure are thermal.*found '{wrong}'"):
            parsed(wrong)
    settings = kinds()["ridge"].Settings(kind="ridge", structures=["cage-0.40", "modes"])
    assert settings.structures == ("cage-0.4", "modes")
    with pytest.raises(ValueError, match="modes has no positions"):
        kinds()["distance-change"].Settings(kind="distance-change", structure="modes")


def test_a_particle_in_its_cage_is_as_far_from_its_thermal_position_as_in_the_run(structure, rng):
    moved = rng.normal(scale=0.1, size=(len(structure), 3)) + rng.normal(scale=0.1, size=(500, len(structure), 3))
    mean = moved.mean(axis=0)
    state = StructureState(mean, {"variance": ((moved - mean) ** 2).sum(axis=2).mean(axis=0)}, {})
    settings = kinds()["cage-displacement"].Settings(kind="cage-displacement", structure="cage-0.30")
    assert (settings.structure, settings.needs, settings.predicts) == ("cage-0.3", {"cage-0.3"}, ("S",))
    domain = SimpleNamespace(times=(0.1, 1.0))
    found = cage_displacement.Fitted(settings, domain).predict(replace(structure, states={"cage-0.3": state}))["S"]
    assert found == pytest.approx(np.tile(np.sqrt((moved**2).sum(axis=2).mean(axis=0)), (2, 1)))
    for at_rest in ("thermal", "inherent"):
        with pytest.raises(ValueError, match=f"particles do not move in {at_rest}; name a cage state"):
            kinds()["cage-displacement"].Settings(kind="cage-displacement", structure=at_rest)


def test_short_ensembles_of_one_run_cost_as_much_as_the_longest():
    made = {name: {"particle_steps": steps} for name, steps in {"cage-0.4": 5, "short-1": 3, "short-9": 27}.items()}
    assert cost_of(made, ["thermal", "cage-0.4", "short-1", "short-9"], "particle_steps") == 32
    assert cost_of(made, ["thermal"], "particle_steps") == 0
    made |= {"inherent": {"particle_steps": 7}, "modes": {"particle_steps": 20}}  # of which 7 are the minimisation
    assert cost_of(made, ["inherent", "modes"], "particle_steps") == 20


def test_a_structure_file_gives_back_what_was_written(structure, structure_files, tmp_path):
    found = read_structures(structure_files[1])
    path = tmp_path / "c0001.npz"
    write_again(path, structure, found)
    again = read_structures(path)
    assert again.made == found.made
    assert again.settings == found.settings
    for name, state in found.states().items():
        copy = again.states()[name]
        assert {*copy.properties} == {*state.properties}
        assert all(np.array_equal(copy.properties[key], values) for key, values in state.properties.items())
        assert (copy.displacement is None) == (name == "modes")
    cage = found.states()["cage-0.2"]
    assert np.linalg.norm(cage.displacement, axis=1).max() < 0.2
    assert found.made["inherent"]["largest_force"] < 1e-6
    assert found.made["cage-0.2"]["half_difference"] > 0


def test_structures_of_another_configuration_or_settings_are_refused(
    targets_files, structure_files, make_structure_file, tmp_path
):
    other = read_structures(structure_files[2])
    wrong = tmp_path / "c0001.npz"
    structure = read_targets(targets_files[2]).structure()
    write_again(wrong, structure, other)
    (found,) = read_matching_targets([targets_files[1], wrong])
    with pytest.raises(FileError, match=r"c0001.npz was made from other positions than those of .*c0001.npz; give"):
        found.structure()
    changed = other.settings.model_copy(update={"cage": other.settings.cage.model_copy(update={"settling": 0.2})})
    longer = make_structure_file(tmp_path / "c0002.npz", targets_files[2], changed, ["cage-0.2"])
    files = [targets_files[1], structure_files[1], targets_files[2], longer]
    with pytest.raises(FileError, match=r"c0002.npz was made with settings = "):
        list(read_matching_targets(files))
    with pytest.raises(FileError, match=r"was made with study = 'test', but 'mine' was expected"):
        list(read_matching_targets([structure_files[1]], study="mine"))
    (alone,) = read_matching_targets([targets_files[1]])
    with pytest.raises(FileError, match=r"has the structures thermal, but model x needs cage-0.2 as well; give"):
        alone.structure().require_states(["cage-0.2"], "model x")


def test_positions_in_a_state_are_the_displaced_ones(structure):
    there = structure.at("inherent")
    assert np.array_equal(there.positions, structure.positions + structure.states["inherent"].displacement)
    assert there.energies == pytest.approx(structure.states["inherent"].properties["energy"], abs=1e-9)
    assert structure.at("thermal") is structure
    assert np.array_equal(there.pairs, structure.pairs)


def test_every_descriptor_has_a_label(structure):
    shells = Descriptors(averages=1).within(structure.box_length)
    states = ("thermal", "inherent", "cage-0.4", "modes")
    x, labels = shells.compute(structure, states), shells.labels(structure, states)
    assert x.shape == (len(structure), len(labels))
    by_label = dict(zip(labels, x.T, strict=True))
    assert len(by_label) == len(labels)
    energy = next(label for label in labels if label.state == "inherent" and label.quantity == "energy")
    assert by_label[energy] == pytest.approx(structure.states["inherent"].properties["energy"], abs=1e-9)
    u = next(label for label in labels if label.state == "cage-0.4" and label.quantity == "displacement")
    assert by_label[u] == pytest.approx(np.linalg.norm(structure.displacement("cage-0.4"), axis=1))
    size = next(label for label in labels if label.quantity == "fluctuation")
    assert by_label[size] ** 2 == pytest.approx(structure.states["cage-0.4"].properties["variance"])
    debye_waller = next(label for label in labels if label.quantity == "debye_waller")
    assert by_label[debye_waller] == pytest.approx(structure.states["modes"].properties["debye_waller"])


def test_bond_order_is_that_of_freud(structure):
    """freud's q_l with the weights of a shell as weights of its neighbour list."""
    shells = Descriptors(bond_order_radii=(1.1,), bond_order_width=0.15).within(structure.box_length).bond_order
    ours = _bond_order(structure, shells, 8)
    box = freud.box.Box.cube(structure.box_length)
    points = box.wrap(structure.positions)
    pairs, distances = [], []
    for bonds in _bonds(structure, shells.reach):
        pairs.append(np.stack([bonds.center + bonds.block.start, bonds.neighbor], axis=1))
        distances.append(bonds.distance)
    pairs, distances = np.concatenate(pairs), np.concatenate(distances)
    vectors = minimum_image(points[pairs[:, 1]] - points[pairs[:, 0]], structure.box_length)
    listed = freud.locality.NeighborList.from_arrays(
        len(points), len(points), pairs[:, 0], pairs[:, 1], vectors, shells.weights(distances)[:, 0]
    )
    for degree in range(1, 9):
        steinhardt = freud.order.Steinhardt(degree, weighted=True).compute((box, points), neighbors=listed)
        assert ours[:, degree - 1] == pytest.approx(steinhardt.particle_order, abs=1e-4)


def test_structure_functions_are_those_of_the_formulas(structure):
    functions = StructureFunctions(radii=(0.9, 1.1), width=0.1, angular_range=1.6)
    found = functions.compute(structure)
    i = 42
    r = minimum_image(structure.positions - structure.positions[i], structure.box_length)
    distance = np.linalg.norm(r, axis=1)
    others = np.flatnonzero((distance > 0) & (distance < 1.6))
    expected = []
    for species in (0, 1):
        for mu in (0.9, 1.1):
            near = (distance > 0) & (distance < 1.1 + 3 * 0.1) & (structure.species == species)
            expected.append(np.exp(-((distance[near] - mu) ** 2) / 0.1**2).sum())
    for xi, sign, zeta in ANGULAR:
        sums = [0.0, 0.0, 0.0]
        for first, j in enumerate(others):
            for k in others[first + 1 :]:
                cosine = r[j] @ r[k] / (distance[j] * distance[k])
                squares = distance[j] ** 2 + distance[k] ** 2 + ((r[j] - r[k]) ** 2).sum()
                kind = int(structure.species[j]) + int(structure.species[k])
                sums[kind] += np.exp(-squares / xi**2) * (1 + sign * cosine) ** zeta
        expected += sums
    assert found.shape == (len(structure), len(expected))
    assert found[i] == pytest.approx(expected, rel=1e-9)
    with pytest.raises(FileError, match=r"reach as far as 4.3, which needs a box of at least 8.6"):
        StructureFunctions((0.9, 4.0), 0.1, 1.6).compute(structure)


def test_fields_are_those_of_the_formulas(structure):
    found = coarse_grained_fields(structure, "cage-0.4", (0.5, 2.0), 3.5)
    at = structure.at("cage-0.4")
    i = 7
    distance = np.linalg.norm(minimum_image(at.positions - at.positions[i], structure.box_length), axis=1)
    own = np.stack(
        [
            interactions(at.positions, at.species, at.box_length).energies,
            voronoi_surfaces(at),
            np.linalg.norm(structure.displacement("cage-0.4"), axis=1),
            np.sqrt(structure.states["cage-0.4"].properties["variance"]),
        ],
        axis=1,
    )
    expected = [*own[i]]
    for scale in (0.5, 2.0):
        for among in (at.species == 0, at.species == 1, at.species >= 0):
            weights = np.where(among & (distance <= 3.5), np.exp(-distance / scale), 0)
            means = weights @ own / weights.sum()
            expected += [weights.sum(), *means, weights @ own[:, 0] ** 2 / weights.sum() - means[0] ** 2]
    assert found[i] == pytest.approx(expected, rel=1e-6)
    with pytest.raises(FileError, match=r"the fields reach as far as 4, which needs a box of at least 8"):
        coarse_grained_fields(structure, "thermal", (2.0,), 4.0)


def test_voronoi_surfaces_of_a_cubic_lattice():
    lattice = np.stack(np.meshgrid(*[np.arange(4.0)] * 3, indexing="ij"), axis=-1).reshape(-1, 3) * 1.5 - 3
    cubes = StaticStructure.of_positions(lattice, np.zeros(64, dtype=np.uint8), 6.0, 2.0)
    assert voronoi_surfaces(cubes) == pytest.approx(6 * 1.5**2, rel=1e-3)


def test_pairs_are_of_six_kinds(structure):
    of_pairs = kinds_of_pairs(structure, 1.35)
    i, j = structure.pairs[100]
    name = "".join(sorted("AB"[structure.species[end]] for end in (i, j)))
    name += " near" if structure.distances[100] < 1.35 else " far"
    assert KINDS[of_pairs[100]] == name
    assert {*of_pairs} == {*range(6)}


def test_the_most_and_least_mobile_particles_are_told_apart():
    rows, mobile = extremes(np.array([3.0, 1.0, 2.0, 9.0, 5.0]), 0.4)
    assert rows.tolist() == [1, 2, 4, 3]
    assert mobile.tolist() == [False, False, True, True]
