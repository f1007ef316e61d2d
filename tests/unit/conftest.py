"""Targets files of a small liquid with made-up displacements, for tests of the stages that read such files."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from glassbotan.dynamics.pairs import minimum_image
from glassbotan.dynamics.targets import dynamical_targets
from glassbotan.files.structures import write_structures
from glassbotan.files.targets import read_targets, write_targets
from glassbotan.simulate.configurations import Configuration
from glassbotan.simulate.engines import load_engine
from glassbotan.simulate.quality import of_structure
from glassbotan.simulate.structures import make_states
from glassbotan.structure.static import StaticStructure
from glassbotan.study.structure import Structure as StructureSettings
from glassbotan.study.targets import Targets as TargetSettings

EDGE = 7.0
TIMES = (0.5, 1.5)


def packing(rng, particles=200, edge=EDGE, apart=0.85):
    """Random positions with a minimum distance from each other, as in a liquid."""
    positions = np.empty((0, 3))
    while len(positions) < particles:
        trial = rng.uniform(-edge / 2, edge / 2, 3)
        if not len(positions) or np.linalg.norm(minimum_image(positions - trial, edge), axis=1).min() > apart:
            positions = np.vstack([positions, trial])
    return positions


def write_configuration(path, rng, number, study="test", temperature=0.9, particles=200, edge=EDGE, typical=0.02):
    """Write a targets file with random displacements, in which particles with more neighbours move less."""
    positions = packing(rng, particles, edge)
    species = (np.arange(particles) % 5 == 4).astype(np.uint8)
    structure = StaticStructure.of_positions(positions, species, edge, 2.0)
    crowded = np.bincount(structure.pairs.ravel(), minlength=particles)
    size = typical * np.exp(-0.15 * (crowded - crowded.mean())) * (1 + species)
    settings = TargetSettings()
    frames = (
        (replica, step, step * size[:, None] * rng.normal(size=(particles, 3)))
        for replica in range(1, 9)
        for step in (5, 15)
    )
    measured = dynamical_targets(positions, species, edge, frames, [5, 15], 0.1, 8, **settings.model_dump())
    write_targets(
        path,
        structure,
        measured,
        {"made": "by a test"},
        study=study,
        temperature=temperature,
        configuration=number,
        settings=settings,
        quality=of_structure(Configuration.at_rest(positions, species, edge)),
    )
    return path


@pytest.fixture
def settings():
    """The settings of the default study, as in its file."""
    return yaml.safe_load((Path(__file__).parents[2] / "config.yaml").read_text())


@pytest.fixture
def make_packing():
    """The function that places particles at random."""
    return packing


@pytest.fixture
def make_targets_file():
    """The function that writes a targets file."""
    return write_configuration


STATES = ("inherent", "modes", "cage-0.2", "cage-0.4", "short-0.5")
QUICK = StructureSettings.model_validate(
    {
        "cage": {"copies": 2, "duration": 0.5, "settling": 0.1},
        "short": {"replicas": 2, "frames": 5},
        "modes": {"lowest": 10, "probes": 8},
    }
)
"""Settings with which the states behind a structure are made quickly; they are far from converged."""


def write_states(path, targets_file, settings=QUICK, states=STATES):
    """Write a structure file with the states behind a targets file, made by the engine."""
    found = read_targets(targets_file)
    structure, number = found.structure(), found.configuration
    made = make_states(
        structure, states, settings, load_engine(device="cpu"), temperature=0.9, timestep=0.005, seed=(number,)
    )
    write_structures(
        path, structure, made, {"made": "by a test"}, study=found.study, temperature=0.9, configuration=number,
        settings=settings, timestep=0.005,
    )  # fmt: skip
    return path


@pytest.fixture
def make_structure_file():
    """The function that writes a structure file."""
    return write_states


@pytest.fixture(scope="session")
def structure_files(targets_files, tmp_path_factory):
    """Structure files of the six configurations, by their numbers."""
    folder = tmp_path_factory.mktemp("structure")
    return {number: write_states(folder / path.name, path) for number, path in targets_files.items()}


@pytest.fixture(scope="session")
def targets_files(tmp_path_factory):
    """Targets files of six configurations, by their numbers."""
    rng = np.random.default_rng(5)
    folder = tmp_path_factory.mktemp("targets")
    return {number: write_configuration(folder / f"c{number:04d}.npz", rng, number) for number in range(1, 7)}
