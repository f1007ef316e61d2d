"""Stages that are killed, stopped, out of disk space or started twice keep their work and give the same results."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import gsd.hoomd
import numpy as np
import pandas as pd
import pytest

from glassbotan.files.fitted import read_fitted

INTEGRATOR = '{"checkpoint_steps": 4000}'
MODEL = """{"kind": "botan", "network": {"rounds": 2, "width": 8},
            "training": {"epochs": 100, "learning_rate": 2e-3, "schedule": "one-cycle"}}"""


class Stages:
    """The stages of a small study, each a command whose output can be put anywhere."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.commands = {
            "equilibrate": ["equilibrate", "--temperature", "0.9", "--integrator", INTEGRATOR, "--time", "400",
                            "--input", folder / "quench.gsd"],
            "ensemble": ["ensemble", "--temperature", "0.9", "--integrator", INTEGRATOR, "--times", "0.1,39,120",
                         "--ensemble", '{"replicas": 4, "relaxation_replicas": 2}', "--configurations", "1-2",
                         folder / "equilibrate.gsd"],
            "fit": ["fit", "--temperature", "0.9", "--time-indices", "2", "--train", "2", "--model", MODEL,
                    folder / "targets.npz"],
        }  # fmt: skip
        self.run("melt", "--temperature", "0.9", "--configurations", "1-2", "--liquid.particles", "256",
                 "--melt.time", "2", "--output", folder / "melt.gsd")  # fmt: skip
        self.run("quench", "--temperature", "0.9", "--quench.time", "2", "--input", folder / "melt.gsd",
                 "--output", folder / "quench.gsd")  # fmt: skip
        self.unbroken = {}
        for stage in ("equilibrate", "ensemble"):
            self.unbroken[stage] = folder / f"{stage}.gsd"
            self.run(*self.commands[stage], "--output", self.unbroken[stage])
        self.run("targets", "--temperature", "0.9", "--input", folder / "ensemble.gsd" / "c0002.gsd", "--output",
                 folder / "targets.npz")  # fmt: skip
        self.unbroken["fit"] = folder / "model" / "model.safetensors"
        self.run(*self.commands["fit"], "--output", self.unbroken["fit"])

    def start(self, *arguments: object) -> subprocess.Popen:
        command = [sys.executable, "-m", "glassbotan", *map(str, arguments), "--study", "lost"]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run(self, *arguments: object, status: int = 0) -> str:
        process = self.start(*arguments)
        output, errors = process.communicate(timeout=300)
        assert process.returncode == status, output + errors
        return errors

    def require_unbroken(self, stage: str, output: Path) -> None:
        """Check that the output is that of the uninterrupted run, and that no unfinished files are left beside it."""
        assert not list(output.parent.glob("*.unfinished"))
        assert not list(output.parent.glob(".partial*"))
        if stage == "fit":
            ours, theirs = (read_fitted(path).predictor.tensors() for path in (output, self.unbroken[stage]))
            assert all(np.array_equal(ours[name], theirs[name]) for name in theirs)
            histories = [pd.read_csv(path.with_name("history.csv")) for path in (output, self.unbroken[stage])]
            pd.testing.assert_frame_equal(*(history.drop(columns="seconds") for history in histories))
            return
        files = [path / "c0002.gsd" if path.is_dir() else path for path in (output, self.unbroken[stage])]
        with gsd.hoomd.open(files[0]) as ours, gsd.hoomd.open(files[1]) as theirs:
            assert len(ours) == len(theirs)
            for mine, other in zip(ours, theirs, strict=True):
                assert mine.configuration.step == other.configuration.step
                for name in ("position", "image", "velocity", "typeid"):
                    assert np.array_equal(getattr(mine.particles, name), getattr(other.particles, name))
                assert mine.log.keys() == other.log.keys()
                for name, value in other.log.items():
                    assert np.array_equal(mine.log[name], value, equal_nan=True), name


@pytest.fixture(scope="module")
def stages(tmp_path_factory):
    return Stages(tmp_path_factory.mktemp("stages"))


def output_of(stage, folder):
    folder.mkdir(exist_ok=True)
    return folder / ("model.safetensors" if stage == "fit" else f"{stage}.gsd")


def checkpoints(output):
    folder = output.with_name(output.name + ".unfinished")
    return {*folder.glob("launch*.npz"), *folder.glob("epoch*.pt")}


def wait_for_work(process, output, files=1, but_for=frozenset()):
    """Wait until some new checkpoints lie beside the output, or the stage has ended."""
    while process.poll() is None and len(checkpoints(output) - but_for) < files:
        time.sleep(0.005)


@pytest.mark.parametrize("stage", ["equilibrate", "ensemble", "fit"])
def test_killed_at_random_moments(stages, stage, tmp_path):
    output = output_of(stage, tmp_path)
    moments = random.Random(stage)
    kills = 0
    while not output.exists():
        before = checkpoints(output)
        process = stages.start(*stages.commands[stage], "--output", output)
        wait_for_work(process, output, but_for=before)
        time.sleep(moments.uniform(0, 0.15))
        process.kill()
        process.communicate()
        kills += process.returncode != 0
    assert kills >= 3
    stages.run(*stages.commands[stage], "--output", output)  # in case the last kill came before the cleaning up
    stages.require_unbroken(stage, output)


@pytest.mark.parametrize(
    ("stage", "number"),
    [("equilibrate", signal.SIGTERM), ("ensemble", signal.SIGINT), ("fit", signal.SIGTERM)],
)
def test_asked_to_stop(stages, stage, number, tmp_path):
    output = output_of(stage, tmp_path)
    process = stages.start(*stages.commands[stage], "--output", output)
    wait_for_work(process, output)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 75, errors
    assert f"stopped by {number.name}" in errors.splitlines()[-1]
    assert output.with_name(output.name + ".unfinished").is_dir()
    stages.run(*stages.commands[stage], "--output", output)
    stages.require_unbroken(stage, output)


@pytest.mark.parametrize("stage", ["equilibrate", "ensemble", "fit"])
def test_stops_before_its_walltime(stages, stage, tmp_path):
    output = output_of(stage, tmp_path)
    minutes = 0.09 if stage == "fit" else 0.03
    stopped = 0
    while True:
        process = stages.start(*stages.commands[stage], "--output", output, "--walltime", minutes)
        _, errors = process.communicate(timeout=60)
        if process.returncode == 0:
            break
        assert "stopped before its walltime" in errors
        if process.returncode == 75:
            stopped += 1
        else:
            assert process.returncode == 1
            assert "not one checkpoint was reached" in errors
            minutes *= 1.3
    assert stopped
    stages.require_unbroken(stage, output)


@pytest.mark.parametrize("stage", ["equilibrate", "fit"])
def test_two_at_once(stages, stage, tmp_path):
    output = output_of(stage, tmp_path)
    first = stages.start(*stages.commands[stage], "--output", output)
    wait_for_work(first, output)
    first.send_signal(signal.SIGSTOP)  # so that it does not end before the second has started
    errors = stages.run(*stages.commands[stage], "--output", output, status=1)
    first.send_signal(signal.SIGCONT)
    assert f"{output} is being made by another process" in errors
    assert first.wait(timeout=300) == 0
    stages.require_unbroken(stage, output)


@pytest.mark.parametrize("stage", ["equilibrate", "fit"])
def test_work_of_another_run_is_set_aside(stages, stage, tmp_path):
    output = output_of(stage, tmp_path)
    other = {"equilibrate": ["--integrator.timestep", "0.002"], "fit": ["--seed", "7"]}[stage]
    process = stages.start(*stages.commands[stage], *other, "--output", output)
    wait_for_work(process, output)
    process.kill()
    process.communicate()
    errors = stages.run(*stages.commands[stage], "--output", output)
    setting = {"equilibrate": "settings.integrator.timestep is 0.002 there, but 0.005 in this run",
               "fit": "settings.seed is 7 there, but 0 in this run"}[stage]  # fmt: skip
    assert setting in errors
    aside = output.with_name(output.name + ".unfinished.aside1")
    assert any(aside.iterdir())
    stages.require_unbroken(stage, output)


@pytest.mark.parametrize("stage", ["equilibrate", "ensemble", "fit"])
def test_damaged_checkpoint(stages, stage, tmp_path):
    output = output_of(stage, tmp_path)
    process = stages.start(*stages.commands[stage], "--output", output)
    wait_for_work(process, output, files=2)
    process.kill()
    process.communicate()
    newest = max(checkpoints(output))
    newest.write_bytes(newest.read_bytes()[: newest.stat().st_size // 2])
    errors = stages.run(*stages.commands[stage], "--output", output)
    assert f"{newest} cannot be read" in errors
    stages.require_unbroken(stage, output)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of eight megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8192k", "tmpfs", folder], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("a small file system cannot be mounted here")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.mark.parametrize("stage", ["equilibrate", "ensemble", "fit"])
def test_full_disk(stages, stage, small_disk):
    """Each attempt has a little more space, so that the writes of stamp, checkpoints and output fail one by one."""
    output = output_of(stage, small_disk)
    filling = small_disk / "filling"
    filling.write_bytes(b"")
    sizes = {"equilibrate": 196_608, "ensemble": 786_432, "fit": 32_768}
    failures = []
    for attempt in range(40):
        occupied = sum(path.stat().st_blocks * 512 for path in small_disk.rglob("*") if path != filling)
        space = max(0, 8_192 * 1024 - occupied - attempt * sizes[stage])
        filling.write_bytes(bytes(space))
        process = stages.start(*stages.commands[stage], "--output", output)
        _, errors = process.communicate(timeout=120)
        if process.returncode == 0:
            break
        assert process.returncode == 1, errors
        last = errors.strip().splitlines()[-1]
        assert last.startswith("glassbotan: error: ")
        assert "No space left on device" in last
        failures.append(last)
        assert not output.exists()
        filling.unlink()
    assert len(failures) >= 2
    stages.require_unbroken(stage, output)
    assert os.listdir(small_disk)
