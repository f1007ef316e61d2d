import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from glassbotan.errors import EngineError
from glassbotan.simulate.configurations import Configuration, lattice, random_generator
from glassbotan.simulate.engines import Dynamics, Engine, Thermostat, load_engine
from glassbotan.simulate.running import advance
from glassbotan.study.simulation import ENGINES, Liquid

ROOT = Path(__file__).parent.parent
SHARED = Path(os.environ.get("GLASSBOTAN_SHARED", ROOT.parent / "shared"))
LONGEST = "test_tiny_study.py"
"""The file whose tests take longest: it starts first, so that all workers end at about the same time."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.name != LONGEST)


@pytest.fixture(scope="session")
def published() -> Path:
    """Folder of the published trajectories; the test is skipped if they are not there."""
    path = SHARED / "published" / "botan" / "T0.44"
    if not path.is_dir():
        pytest.skip("the published trajectories are not beside this checkout")
    return path


@pytest.fixture(scope="session")
def reference() -> Path:
    """Folder of the reference data; the test is skipped if they are not there."""
    path = SHARED / "reference"
    if not path.is_dir():
        pytest.skip("the reference data are not beside this checkout")
    return path


@pytest.fixture(scope="session", params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Engine:
    """Each engine that is installed."""
    try:
        return load_engine(request.param)
    except EngineError as error:
        pytest.skip(str(error))


class Rounding(NamedTuple):
    """How exact the numbers of an engine are."""

    position: float
    """of a position, in units of the box"""
    force: float
    """of a force, relative"""


@pytest.fixture(scope="session")
def rounding(engine: Engine) -> Rounding:
    """How exact the engine is: two compute in 64-bit floats, the third in fixed point and with 32-bit floats."""
    return Rounding(2.0**-32, 3e-6) if engine.name == "fused" else Rounding(1e-14, 1e-10)


@pytest.fixture(scope="session")
def liquid_at_one() -> Configuration:
    """A liquid of 256 particles at T = 1, made with the engine that is installed."""
    start = lattice(Liquid(particles=256), 3.0, random_generator(7, 1.0, 1, 0))
    engine = load_engine("auto")
    for thermostat in (Thermostat(3.0, 3.0, 0.1), Thermostat(3.0, 1.0, 0.1), Thermostat(1.0, 1.0, 0.1)):
        (sample,) = advance(engine, [start], [5000], Dynamics(1e-3, thermostat))
        start = sample.configuration
    return start


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20230224)
