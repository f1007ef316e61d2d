"""A study with the SLURM profile on a real cluster; one of its jobs is cancelled, and one reaches its walltime."""

import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import yaml

from glassbotan.files.gsd import read_gsd_provenance

ROOT = Path(__file__).parent.parent.parent
SECONDS_OF_EQUILIBRATION = 90  # more than one minute, the shortest walltime of SLURM

STUDY = {
    "name": "cluster",
    "liquid": {"particles": 256},
    "melt": {"time": 1.0},
    "quench": {"time": 1.0},
    "ensemble": {"replicas": 4, "relaxation_replicas": 4},
    "integrator": {"engine": "lammps", "checkpoint_steps": 10_000},
    "temperatures": [{"temperature": 0.9, "relaxation_time": 1.0, "sampling_times": [0.1, 1.0]}],
    "configurations": {"train": 1, "test": 2},
    "limits": {"temperature": 0.3, "standard_errors": 8, "energy_change": 1, "relaxation_change": 5},
    "models": [
        {
            "name": "NT-GNN",
            "kind": "botan",
            "p": 1.0,
            "times": [1.0],
            "network": {"rounds": 2, "width": 8},
            "training": {"epochs": 3, "learning_rate": 2e-3, "target_scaling": "training set"},
        }
    ],
}


@pytest.fixture
def environment():
    return {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "OMP_NUM_THREADS": "1",
    }


def seconds_of_melt(duration, environment, path):
    """Seconds of a processor, which do not depend on what else runs, of melting two configurations for this time."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    subprocess.run(
        ["glassbotan", "melt", "--study", "x", "--temperature", "1.0", "--configurations", "1-2", "--liquid.particles",
         "256", "--melt.temperature", "1.0", "--melt.time", str(duration), "--integrator.engine", "lammps", "--output",
         str(path / f"melt{duration}.gsd")],
        check=True, env=environment, capture_output=True,
    )  # fmt: skip
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before


def time_for(seconds, environment, path):
    """Simulated time that takes this machine about so many seconds for two configurations, or more if it is busy."""
    short, long = 1, 21
    of_difference = seconds_of_melt(long, environment, path) - seconds_of_melt(short, environment, path)
    return seconds * (long - short) / of_difference


def test_a_study_survives_the_cluster(slurm, environment, tmp_path):
    for name in ("Snakefile", "workflow", "envs", "src", "profiles"):
        (tmp_path / name).symlink_to(ROOT / name)
    long = time_for(SECONDS_OF_EQUILIBRATION, environment, tmp_path)
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({**STUDY, "equilibration": {"relaxation_times": long}}))
    driver = subprocess.Popen(
        ["snakemake", "--workflow-profile", "slurm", "--default-resources", "slurm_partition=main",
         "--set-resources", "equilibrate:runtime=1", "--slurm-status-command", "squeue", "--slurm-no-account",
         "--seconds-between-status-checks", "2", "--slurm-init-seconds-before-status-checks", "1",
         "--latency-wait", "5", "--", "results/cluster/tables/pearson.csv"],
        cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    results = tmp_path / "results" / "cluster"
    try:
        # Cancel the equilibration once it has written checkpoints.
        unfinished = results / "T0.90" / "equilibrated" / "b001.gsd.unfinished"
        for _ in range(240):
            if len(list(unfinished.glob("launch*.npz"))) >= 2 or driver.poll() is not None:
                break
            time.sleep(0.5)
        assert driver.poll() is None, driver.communicate()[0]
        kept = sorted(path.name for path in unfinished.glob("launch*.npz"))
        subprocess.run(["scancel", "--state=RUNNING"], check=True)
        output, _ = driver.communicate(timeout=900)
    finally:
        driver.kill()
    assert driver.returncode == 0, output
    assert kept
    assert "stopped by SIGTERM" in output  # because of scancel
    assert "stopped before its walltime" in output
    record = read_gsd_provenance(results / "T0.90" / "equilibrated" / "b001.gsd")
    assert record["particle_steps_before_this_run"] > 0
    assert not unfinished.exists()
    table = pd.read_csv(results / "tables" / "pearson.csv")
    assert set(table.model) >= {"NT-GNN"}
