"""Which processor a job takes, and the error of an engine that cannot have the requested one."""

import subprocess
import sys

import pytest

from glassbotan import devices
from glassbotan.errors import EngineError
from glassbotan.simulate.engines import load_engine

TAKE = """
import sys
from pathlib import Path
from glassbotan.devices import free_gpu
print(free_gpu(int(sys.argv[1]), Path(sys.argv[2])), flush=True)
sys.stdin.read()
"""


def test_each_job_takes_a_free_gpu_and_gives_it_back(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,7")
    jobs = []

    def start():
        command = [sys.executable, "-c", TAKE, "2", str(tmp_path)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        jobs.append(subprocess.Popen(command, text=True, **pipes))
        return int(jobs[-1].stdout.readline())

    assert [start(), start()] == [0, 1]
    assert {path.name.rsplit("-", 1)[1] for path in tmp_path.iterdir()} == {"4.lock", "7.lock"}
    assert start() in (0, 1)
    jobs[2].stdin.close()
    assert "sharing" in jobs[2].stderr.read()
    jobs[0].kill()
    jobs[0].wait()
    assert start() == 0
    for job in jobs:
        job.kill()
        job.wait()


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
