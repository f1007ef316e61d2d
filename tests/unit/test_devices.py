"""Which processor a job takes, and the error of an engine that cannot have the requested one."""

import os
import subprocess
import sys

import pytest

from glassbotan import devices
from glassbotan.errors import EngineError
from glassbotan.simulate.engines import load_engine

TAKE = """
import os, sys
from pathlib import Path
from glassbotan.devices import reserve_gpu
print(reserve_gpu(Path(sys.argv[1])), os.environ.get("CUDA_VISIBLE_DEVICES", "nothing"), flush=True)
sys.stdin.read()
"""
CARDS = ["GPU-aaaa-1", "GPU-bbbb-2", "GPU-cccc-3"]
LISTED = "".join(f"GPU {number}: NVIDIA H100 (UUID: {uuid})\\n" for number, uuid in enumerate(CARDS))
DIVIDED = (
    "GPU 0: NVIDIA H100 (UUID: GPU-aaaa-1)\\n  MIG 1g.10gb Device 0: (UUID: MIG-dddd-4)\\n"
    "  MIG 1g.10gb Device 1: (UUID: MIG-eeee-5)\\nGPU 1: NVIDIA H100 (UUID: GPU-bbbb-2)\\n"
)


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Put a driver on the path that lists the given GPUs, and clear what the environment says of GPUs."""
    for name in (devices.VISIBLE, *devices.ALLOCATED):
        monkeypatch.delenv(name, raising=False)

    def with_gpus(listed):
        program = tmp_path / "bin" / "nvidia-smi"
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\nprintf '{listed}'\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)

    return with_gpus


@pytest.fixture
def jobs(tmp_path):
    """Start processes that reserve a GPU and hold it until they are stopped."""
    started = []

    def start():
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        started.append(subprocess.Popen([sys.executable, "-c", TAKE, str(tmp_path)], text=True, **pipes))
        return started[-1].stdout.readline().split()

    yield start, started
    for job in started:
        job.kill()
        job.wait()
        for pipe in (job.stdin, job.stdout, job.stderr):
            pipe.close()


def test_each_job_takes_a_free_gpu_by_its_uuid_and_gives_it_back(machine, jobs, tmp_path):
    machine(LISTED)
    start, started = jobs
    assert [start() for _ in CARDS] == [[uuid, uuid] for uuid in CARDS]
    assert {path.name.split("-", 2)[2] for path in tmp_path.glob("*.lock")} == {f"{uuid}.lock" for uuid in CARDS}
    shared = start()
    assert shared[0] in CARDS
    started[3].stdin.close()
    assert f"sharing {shared[0]}" in started[3].stderr.read()
    started[1].kill()
    started[1].wait()
    assert start() == [CARDS[1]] * 2


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, CARDS),
        ({"CUDA_VISIBLE_DEVICES": "2,0"}, [CARDS[2], CARDS[0]]),
        ({"CUDA_VISIBLE_DEVICES": "GPU-bb"}, [CARDS[1]]),
        ({"CUDA_VISIBLE_DEVICES": ""}, []),
        ({"CUDA_VISIBLE_DEVICES": "1,-1,0"}, [CARDS[1]]),
        ({"CUDA_VISIBLE_DEVICES": "NoDevFiles"}, []),
        ({"SLURM_JOB_ID": "7", "SLURM_JOB_GPUS": "1"}, [CARDS[1]]),
        ({"SLURM_JOB_ID": "7", "SLURM_JOB_GPUS": "0,1", "SLURM_STEP_GPUS": "2"}, [CARDS[2]]),
        ({"SLURM_JOB_ID": "7", "CUDA_VISIBLE_DEVICES": "0", "SLURM_JOB_GPUS": "2"}, [CARDS[0]]),
        ({"SLURM_JOB_ID": "7", "SLURM_JOB_GPUS": "5,6,7"}, CARDS),  # a job that sees its own GPUs alone
    ],
)
def test_only_gpus_that_the_environment_allows_are_taken(machine, jobs, monkeypatch, environment, expected):
    machine(LISTED)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert devices.allowed_gpus(devices.nvidia_gpus()) == expected
    start, _ = jobs
    assert start()[0] == (expected[0] if expected else "None")


def test_jobs_of_one_slurm_job_take_different_gpus(machine, jobs, monkeypatch):
    machine(LISTED)
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,2")
    start, _ = jobs
    assert [start()[0], start()[0]] == [CARDS[0], CARDS[2]]


def test_parts_of_a_divided_gpu_are_taken_in_its_place(machine, monkeypatch):
    machine(DIVIDED)
    parts = ["MIG-dddd-4", "MIG-eeee-5"]
    assert devices.nvidia_gpus() == {"GPU-aaaa-1": parts, "GPU-bbbb-2": ["GPU-bbbb-2"]}
    for name, expected in ((None, [*parts, "GPU-bbbb-2"]), ("0", parts), ("GPU-aaaa-1", parts), ("MIG-e", parts[1:])):
        if name is not None:
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", name)
        assert devices.allowed_gpus(devices.nvidia_gpus()) == expected


def test_a_driver_that_fails_is_an_error_and_not_a_machine_without_gpus(machine, tmp_path):
    machine(LISTED)
    (tmp_path / "bin" / "nvidia-smi").write_text("#!/bin/sh\necho Driver/library version mismatch\nexit 18\n")
    with pytest.raises(devices.DeviceError, match="fails with exit status 18: Driver/library version mismatch"):
        devices.reserve_gpu()


def test_without_nvidia_smi_the_driver_itself_names_the_gpus(machine, monkeypatch, tmp_path):
    for number, uuid in enumerate(CARDS):
        folder = tmp_path / "driver" / "gpus" / f"0000:{number:02d}:00.0"
        folder.mkdir(parents=True)
        (folder / "information").write_text(f"Model: \t\t NVIDIA H100\nIRQ:   \t\t 33\nGPU UUID: \t {uuid}\n")
    monkeypatch.setattr(devices, "DRIVER", tmp_path / "driver")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert [*devices.nvidia_gpus()] == CARDS


def test_an_exact_uuid_is_not_the_beginning_of_another(machine, monkeypatch):
    machine("GPU 0: A (UUID: GPU-ab-1)\\nGPU 1: A (UUID: GPU-ab-12)\\n")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-ab-1")
    assert devices.allowed_gpus(devices.nvidia_gpus()) == ["GPU-ab-1"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-ab")
    with pytest.raises(devices.DeviceError, match="names the GPU GPU-ab,"):
        devices.allowed_gpus(devices.nvidia_gpus())


def test_numbers_mean_nothing_where_there_is_no_gpu(monkeypatch):
    """A CPU node whose environment was inherited from a GPU node."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert devices.allowed_gpus({}) == []


def test_a_gpu_that_is_named_but_not_there_is_an_error(machine, monkeypatch):
    machine(LISTED)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    with pytest.raises(
        devices.DeviceError, match=r"CUDA_VISIBLE_DEVICES=3 names the GPU 3, but the GPUs here are GPU-a"
    ):
        devices.reserve_gpu()


def test_without_a_driver_no_gpu_is_reserved(machine, jobs, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    start, _ = jobs
    assert start() == ["None", "nothing"]


def test_a_gpu_that_is_not_there_is_an_error_and_no_fall_back():
    if devices.gpu_driver():
        pytest.skip("there is a GPU here")
    with pytest.raises(EngineError, match="LAMMPS runs on the CPU here, but device gpu was asked for"):
        load_engine("lammps", "gpu")
    with pytest.raises(EngineError, match=r"fused \(CUDA finds no usable GPU.* but device gpu was asked for"):
        load_engine("auto", "gpu")
    from glassbotan.learn.processors import processor

    with pytest.raises(devices.DeviceError, match="finds no usable GPU, but device gpu was asked for"):
        processor("gpu")
    assert processor("auto").type == "cpu"
