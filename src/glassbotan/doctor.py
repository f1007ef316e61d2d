"""Check of what is installed on this machine, and of what is missing for a study."""

import os
import platform
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from glassbotan.devices import DeviceError, allowed_gpus, gpu_driver, nvidia_gpus
from glassbotan.errors import EngineError
from glassbotan.provenance import PACKAGES, versions
from glassbotan.simulate.engines import load_engine
from glassbotan.study.simulation import ENGINES
from glassbotan.study.study import Study


def diagnosis(study: Study | None = None) -> tuple[list[str], list[str]]:
    """Lines that describe this machine and what is installed, and a message for each thing that is missing."""
    missing: list[str] = []
    lines = [
        f"machine      {platform.node()}: {os.cpu_count()} cores, {_memory()}, "
        f"{shutil.disk_usage(Path.cwd()).free / 1e9:.0f} GB free in this folder, "
        f"{'a GPU driver' if gpu_driver() else 'no GPU driver'}",
        f"python       {platform.python_version()} ({sys.executable})",
        f"packages     {_packages()}",
        f"GPUs         {_gpus()}",
    ]
    lines += _engines(study, missing)
    lines += _learning(study, missing)
    lines.append(f"SLURM        {_slurm()}")
    if study:
        lines.append(f"study        {study.name}: engine {study.integrator.engine}, device {study.device}")
    return lines, missing


def _packages() -> str:
    found = versions()
    return ", ".join(f"{name} {found.get(name, 'not installed')}" for name in ("glassbotan", *PACKAGES))


def _gpus() -> str:
    """The GPUs that a process started here may use."""
    try:
        present = nvidia_gpus()
        allowed = allowed_gpus(present)
    except DeviceError as error:
        return str(error)
    if not present:
        return "none from NVIDIA"
    return f"{len(present)} from NVIDIA; may be used here: {', '.join(allowed) or 'none'}"


def _memory() -> str:
    try:
        return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 1e9:.0f} GB"
    except (ValueError, OSError):
        return "memory unknown"


def _engines(study: Study | None, missing: list[str]) -> list[str]:
    lines = []
    for name in ENGINES:
        try:
            engine = load_engine(name)
            lines.append(f"engine       {engine.name} {engine.version} on {engine.device}")
        except EngineError as error:
            lines.append(f"engine       {_reason(error)}")
    try:
        engine = load_engine("auto")
        lines.append(f"engine auto  uses {engine.name} on {engine.device}")
        if study:
            load_engine(study.integrator.engine, study.device)
    except EngineError as error:
        missing.append(str(error))
    return lines


def _reason(error: EngineError) -> str:
    return str(error).removeprefix("no engine to run with: ").split("; install one")[0]


def _learning(study: Study | None, missing: list[str]) -> list[str]:
    try:
        import torch
    except ImportError as error:
        missing.append(f"PyTorch cannot be loaded ({error}); targets can be made, but no network can be trained")
        return [f"training     {error}"]
    from glassbotan.learn.processors import arithmetic_of, processor, processor_name
    from glassbotan.study.learning import EdgeTraining

    try:
        device = processor("auto")
    except DeviceError as error:
        missing.append(str(error))
        return [f"training     {error}"]
    products = str(arithmetic_of(EdgeTraining(precision="auto"), 64, device).products).removeprefix("torch.")
    if study:
        try:
            processor(study.device)
        except DeviceError as error:
            missing.append(str(error))
    return [f"training     PyTorch {torch.__version__} on {processor_name(device)}, precision auto uses {products}"]


def _slurm() -> str:
    if shutil.which("sbatch") is None:
        return "there is no command sbatch"
    if find_spec("snakemake_executor_plugin_slurm") is None:
        return "sbatch is there, but the package snakemake-executor-plugin-slurm is not installed"
    try:
        answer = subprocess.run(["sacct", "--noheader", "--jobs", "1"], capture_output=True, timeout=60)
        accounts = answer.returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        accounts = False
    return "sbatch is there; " + (
        "sacct works" if accounts else "sacct does not work: run Snakemake with --slurm-status-command squeue"
    )
