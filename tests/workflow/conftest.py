import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from glassbotan.study.reading import read_study

ROOT = Path(__file__).parent.parent.parent


class Checkout:
    """A folder with links to everything that Snakemake needs, and with its own study."""

    def __init__(self, path: Path, settings: dict) -> None:
        self.path = path
        for name in ("Snakefile", "workflow", "envs", "src", "profiles"):
            (path / name).symlink_to(ROOT / name)
        self.configure(settings)

    def configure(self, settings: dict) -> None:
        (self.path / "config.yaml").write_text(yaml.safe_dump(settings))
        self.study = read_study(self.path / "config.yaml")

    def run(self, *arguments: str) -> subprocess.CompletedProcess:
        environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
        return subprocess.run(arguments, cwd=self.path, env=environment, capture_output=True, text=True, timeout=600)

    def snakemake(self, *arguments: str) -> subprocess.CompletedProcess:
        return self.run("snakemake", "--cores", "2", *arguments)

    def glassbotan(self, *arguments: str) -> subprocess.CompletedProcess:
        return self.run("glassbotan", *arguments)

    @property
    def results(self) -> Path:
        return self.path / "results" / self.study.name


TINY = {
    "name": "tiny",
    "liquid": {"particles": 256},
    "melt": {"time": 1.0},
    "quench": {"time": 1.0},
    "equilibration": {"relaxation_times": 1.0},
    "ensemble": {"replicas": 4, "relaxation_replicas": 4},
    "simulation_batch": 2,
    "ensemble_batch": 2,
    "temperatures": [{"temperature": 0.9, "relaxation_time": 2.0, "sampling_times": [0.1, 1.0]}],
    "configurations": {"train": "1-2", "validation": 3, "test": "4-5"},
    "limits": {"temperature": 0.3, "standard_errors": 8, "energy_change": 1, "relaxation_change": 5},
    "models": [
        {
            "name": "BOTAN",
            "kind": "botan",
            "network": {"rounds": 2, "width": 8},
            "training": {"epochs": 3, "learning_rate": 2e-3, "target_scaling": "training set"},
            "pretraining": {
                "temperature": 0.9,
                "time": 0.1,
                "training": {"epochs": 2, "learning_rate": 2e-3, "target_scaling": "training set"},
            },
            "prediction": {"average_over_symmetries": False},
        },
        {"name": "NT-GNN", "like": "BOTAN", "p": 1.0, "times": [1.0], "training": {"batch_size": 2}},
        {"name": "pairs", "like": "BOTAN", "p": 0.0, "times": [1.0]},
        {"name": "NT-GNN-R", "like": "BOTAN", "p": 1.0, "particle_target": "R", "times": [1.0]},
        {"kind": "ridge", "descriptors": {"averages": 1}, "structures": ["thermal"]},
        {
            "name": "ridge-cage",
            "kind": "ridge",
            "structures": ["inherent", "cage-0.2"],
            "descriptors": {"averages": 0},
        },
        {"kind": "glass-mlp", "structures": ["thermal", "inherent"], "epochs": 5, "networks": 1},
        {"kind": "softness", "structure": "thermal", "angular_range": 1.5},
        {
            "kind": "equivariant",
            "structures": ["thermal", "inherent"],
            "network": {"layers": 1, "scalars": 8, "vectors": 2, "tensors": 2},
            "training": {"epochs": 2},
            "seeds": [0, 1],
        },
        {"name": "equivariant-mean", "kind": "average", "of": ["equivariant"]},
        {"kind": "pair-ridge", "structures": ["thermal", "cage-0.2"], "described": []},
        {"kind": "potential-energy", "targets": ["S", "R"]},
        {"kind": "normal-modes"},
        {"kind": "short-ensemble", "time": 0.1},
        {"kind": "cage-displacement", "structure": "cage-0.2"},
        {"kind": "initial-distance"},
        {"kind": "distance-change", "structure": "cage-0.2"},
    ],
    "structure": {
        "cage": {"copies": 2, "duration": 1.0, "settling": 0.2},
        "short": {"replicas": 2, "frames": 5},
        "modes": {"lowest": 10, "probes": 8},
    },
    "ablations": {
        "rounds": {
            "model": "BOTAN",
            "temperature": 0.9,
            "time": 1.0,
            "setting": "network.rounds",
            "values": [1, 2],
        },
        "loss_weight": {"model": "BOTAN", "temperature": 0.9, "time": 1.0, "setting": "p", "values": [0, 0.4, 1]},
        "shells": {
            "model": "ridge",
            "temperature": 0.9,
            "time": 1.0,
            "setting": "descriptors.averages",
            "values": [0],
        },
    },
    "half_samples": {"number": 2, "models": ["ridge", "pair-ridge"]},
    "variants": {
        "NVT": {
            "ensemble": {"dynamics": "NVT"},
            "models": [
                {"kind": "ridge", "descriptors": {"averages": 1}, "structures": ["thermal"]},
                {"kind": "initial-distance"},
            ],
        }
    },
    "transfer": {"model": "BOTAN", "between": [[0.9, 0.1], [0.9, 1.0]]},
    "learning_curve": {"model": "BOTAN", "temperature": 0.9, "time": 1.0, "configurations": [1, 2], "replicas": [2]},
}


@pytest.fixture
def tiny_settings():
    return TINY


@pytest.fixture
def checkout(tmp_path) -> Checkout:
    """The tiny study before anything has run."""
    return Checkout(tmp_path, TINY)


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Checkout:
    """A tiny study, run through Snakemake from the melt to the table."""
    if shutil.which("snakemake", path=str(Path(sys.executable).parent)) is None:
        pytest.skip("snakemake is not installed beside this Python")
    checkout = Checkout(tmp_path_factory.mktemp("tiny"), TINY)
    result = checkout.snakemake()
    assert result.returncode == 0, result.stdout + result.stderr
    checkout.output = result.stdout + result.stderr
    return checkout
