"""A SLURM cluster of one node on this machine: Debian's munge, slurmctld and slurmd."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

CONFIGURATION = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
AuthType=auth/munge
SlurmUser=root
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
ReturnToService=2
KillWait=15
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=64000
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(*command: str, **kwargs) -> subprocess.Popen:
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **kwargs)


def of_a_test(configuration: Path) -> bool:
    """Whether the file is a link that was made by an earlier run of these tests."""
    return configuration.is_symlink() and any(part.startswith("pytest-of-") for part in configuration.readlink().parts)


def sinfo() -> subprocess.CompletedProcess:
    return subprocess.run(["sinfo", "--noheader", "--format=%T"], capture_output=True, text=True)


@pytest.fixture(scope="session")
def slurm(tmp_path_factory) -> Iterator[Path]:
    """The cluster's configuration file."""
    missing = [name for name in ("munged", "slurmctld", "slurmd", "sbatch") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} not installed (Debian: apt-get install munge slurmctld slurmd slurm-client)")
    if os.getuid() != 0:
        pytest.skip("only root can start a SLURM cluster for the test")
    pytest.importorskip("snakemake_executor_plugin_slurm")

    configuration = Path("/etc/slurm/slurm.conf")  # SLURM commands inside a job read only this file
    if of_a_test(configuration) and sinfo().returncode != 0:
        configuration.unlink()  # left by a test that was killed
    if configuration.exists() or configuration.is_symlink():
        pytest.skip(f"{configuration} belongs to a cluster that the test did not start")
    folder = tmp_path_factory.mktemp("slurm")
    for name in ("state", "spool"):
        (folder / name).mkdir()
    host = socket.gethostname().split(".")[0]
    (folder / "slurm.conf").write_text(CONFIGURATION.format(host=host, folder=folder, ports=(free_port(), free_port())))
    configuration.parent.mkdir(exist_ok=True)
    configuration.symlink_to(folder / "slurm.conf")
    processes = []
    if subprocess.run(["munge", "--no-input"], capture_output=True).returncode != 0:
        Path("/run/munge").mkdir(exist_ok=True)
        shutil.chown("/run/munge", "munge", "munge")
        processes.append(start("runuser", "-u", "munge", "--", "munged", "--foreground", "--force"))
    processes += [start("slurmctld", "-D"), start("slurmd", "-D", "-N", host)]
    try:
        deadline = time.monotonic() + 90
        while (state := sinfo()).stdout.strip() != "idle" and time.monotonic() < deadline:
            time.sleep(1)
        if state.stdout.strip() != "idle":
            logs = "\n".join(path.read_text()[-2000:] for path in folder.glob("*.log"))
            pytest.skip(f"SLURM does not start here: {state.stdout} {state.stderr}\n{logs}")
        yield configuration
    finally:
        subprocess.run(["scancel", "--state=RUNNING"], capture_output=True)
        configuration.unlink()  # first, so that no error can leave the configuration of a stopped cluster behind
        for process in reversed(processes):
            process.terminate()
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
