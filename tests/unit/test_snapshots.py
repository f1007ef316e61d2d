import ase.io
import gsd.hoomd
import numpy as np
import pytest

import glassbotan
from glassbotan.errors import FileError
from glassbotan.files.snapshots import configuration_of, read_configuration, write_view

EDGE = 6.0
DUMP = """ITEM: TIMESTEP
{step}
ITEM: NUMBER OF ATOMS
5
ITEM: BOX BOUNDS pp pp pp
0 6
0 6
0 6
ITEM: ATOMS id type x y z
3 1 0.5 0.5 5.5
1 2 1.0 {x} 1.0
2 1 2.0 2.0 2.0
4 1 3.0 3.0 3.0
5 1 4.0 4.0 7.0
"""


@pytest.fixture
def configuration(rng):
    return configuration_of(rng.uniform(0, EDGE, (50, 3)), np.arange(50) % 5 // 4, EDGE)


@pytest.mark.parametrize("name", ["view.gsd", "view.xyz", "view.extxyz"])
def test_what_is_written_is_read_again(configuration, tmp_path, rng, name):
    properties = {"S": rng.normal(size=50), "d": rng.normal(size=(50, 3))}
    write_view(tmp_path / name, configuration, properties)
    again = read_configuration(tmp_path / name)
    assert again.positions == pytest.approx(configuration.positions, abs=1e-5)
    assert (again.species == configuration.species).all()
    assert again.box_length == pytest.approx(EDGE)
    if name == "view.gsd":
        with gsd.hoomd.open(tmp_path / name) as trajectory:
            assert trajectory[0].log["particles/d"] == pytest.approx(properties["d"], abs=1e-6)
            assert [shape["diameter"] for shape in trajectory[0].particles.type_shapes] == [1.0, 0.88]
    else:
        drawn = ase.io.read(tmp_path / name, format="extxyz").arrays["radius"]
        assert drawn == pytest.approx(np.where(configuration.species == 0, 0.5, 0.44))


def test_lammps_dump_is_read_in_the_order_of_the_particles(tmp_path):
    path = tmp_path / "run.lammpstrj"
    path.write_text(DUMP.format(step=0, x=1.0) + DUMP.format(step=10, x=1.5))
    last, first = read_configuration(path), read_configuration(path, frame=0)
    assert last.species.tolist() == [1, 0, 0, 0, 0]
    assert last.box_length == pytest.approx(6)
    assert (last.positions[0, 1], first.positions[0, 1]) == (1.5, 1.0)
    assert np.abs(last.positions).max() <= 3  # wrapped


def test_extended_xyz_may_name_species_that_are_no_elements(tmp_path):
    header = 'Lattice="6 0 0 0 6 0 0 0 6" Properties=id:I:1:species:S:1:pos:R:3 pbc="T T T"'
    path = tmp_path / "a.xyz"
    path.write_text(f"3\n{header}\n1 B 0 0 0\n2 A 1 1 1\n3 B 2 2 2\n")
    assert read_configuration(path).species.tolist() == [1, 0, 1]  # by name, although there are more B
    path.write_text(f"3\n{header}\n1 small 0 0 0\n2 large 1 1 1\n3 large 2 2 2\n")
    assert read_configuration(path).species.tolist() == [1, 0, 0]  # by number: A are more


@pytest.mark.parametrize(
    ("box", "types", "sentence"),
    [
        ([6, 6, 7, 0, 0, 0], ["A", "B"], "but a cubic periodic box was expected"),
        ([6, 6, 6, 0.5, 0, 0], ["A", "B"], "but a cubic periodic box was expected"),
        ([6, 6, 6, 0, 0, 0], ["A", "B", "C"], "has particles of types ['A', 'B', 'C'], but two species were expected"),
    ],
)
def test_configuration_of_another_kind_gets_a_message(tmp_path, rng, box, types, sentence):
    frame = gsd.hoomd.Frame()
    frame.configuration.box = box
    frame.particles.N = 30
    frame.particles.types = types
    frame.particles.typeid = np.arange(30) % len(types)
    frame.particles.position = rng.uniform(-3, 3, (30, 3))
    with gsd.hoomd.open(tmp_path / "x.gsd", mode="w") as trajectory:
        trajectory.append(frame)
    with pytest.raises(FileError) as error:
        read_configuration(tmp_path / "x.gsd")
    assert sentence in str(error.value)


@pytest.mark.parametrize("name", ["x.gsd", "x.xyz", "x.lammpstrj", "x.unknown"])
def test_file_that_is_none_gets_a_message(tmp_path, name):
    with pytest.raises(FileError, match="does not exist"):
        read_configuration(tmp_path / name)
    (tmp_path / name).write_text("this is no trajectory\n")
    with pytest.raises(FileError, match="cannot be read as particles"):
        read_configuration(tmp_path / name)


def test_view_is_written_in_known_formats_alone(configuration, tmp_path):
    with pytest.raises(FileError, match=r"a view is written as \.xyz"):
        write_view(tmp_path / "view.pdb", configuration, {})


def test_unknown_function_of_the_package_gets_a_message():
    with pytest.raises(AttributeError, match="it has open_study"):
        _ = glassbotan.open_studies


@pytest.mark.parametrize(
    ("positions", "species", "edge", "sentence"),
    [
        (np.zeros((5, 2)), np.zeros(5), 6.0, r"positions have shape \(5, 2\)"),
        (np.full((5, 3), np.nan), np.zeros(5), 6.0, "finite numbers"),
        (np.zeros((5, 3)), [1, 2, 1, 1, 1], 6.0, "species are"),
        (np.zeros((5, 3)), ["A", "B", "A", "A", "A"], 6.0, "species are"),
        (np.zeros((5, 3)), np.zeros(4), 6.0, "species are"),
        (np.zeros((5, 3)), np.zeros(5), 0.0, "the edge of the box is 0"),
    ],
)
def test_arrays_that_are_no_configuration_get_a_message(positions, species, edge, sentence):
    with pytest.raises(FileError, match=sentence):
        configuration_of(positions, species, edge)
