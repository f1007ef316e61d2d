"""The program, the plans of the studies that come with it, and the tools that check the code."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from glassbotan.devices import gpu_driver

ROOT = Path(__file__).parent.parent.parent
BIN = Path(sys.executable).parent


def run(*arguments, **kwargs):
    environment = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    return subprocess.run(arguments, capture_output=True, text=True, env=environment, timeout=600, **kwargs)


@pytest.mark.parametrize(
    "stage",
    ["melt", "quench", "equilibrate", "ensemble", "targets", "simulation-quality", "accept", "relaxation", "fit",
     "predict-test", "predict", "view", "score", "heterogeneity", "cost-table", "draw", "report", "check", "cost",
     "doctor", "schema", "import", "export"],
)  # fmt: skip
def test_every_stage_explains_itself(stage):
    result = run("glassbotan", stage, "--help")
    assert result.returncode == 0
    assert result.stdout.startswith(f"usage: glassbotan {stage}")


def test_help_gives_units_and_defaults():
    text = " ".join(run("glassbotan", "melt", "--help").stdout.split())
    assert "number density rho [sigma_AA^-3] (default: 1.2)" in text
    assert "duration t_h [tau] (default: 10000.0)" in text
    assert "the results are the same [tau] (default: 0.005)" in text


def test_doctor_names_what_is_missing(tmp_path):
    healthy = run("glassbotan", "doctor", str(ROOT / "config.yaml"))
    assert healthy.returncode == 0, healthy.stdout + healthy.stderr
    assert "engine auto  uses" in healthy.stdout
    if gpu_driver():
        pytest.skip("there is a GPU here")
    on_gpus = run("glassbotan", "doctor", str(ROOT / "workflow/studies/paper.yaml"))
    assert on_gpus.returncode == 1
    assert "missing: PyTorch" in on_gpus.stdout


def test_cost_of_the_paper_study():
    text = run("glassbotan", "cost", str(ROOT / "workflow" / "studies" / "paper.yaml"), "--device", "cpu").stdout
    (ensemble,) = (line.split() for line in text.splitlines() if line.startswith("0.44  ensemble"))
    # 500 configurations x 4096 particles x 32 replicas x 130,000 tau / 0.005.
    assert ensemble[2:4] == ["125", "1.7e+15"]
    core_hours = float(ensemble[4].replace(",", ""))
    speeds = [float(line.split(": ")[1].split()[0]) for line in text.splitlines() if line.startswith("simulate, NVE")]
    assert 500 * 4096 * 32 * 2.6e7 / core_hours / 3600 == pytest.approx(speeds[-1], rel=0.01)
    assert "core-hours" in text


def test_the_simulations_of_the_paper_take_one_gpu_less_than_a_month():
    text = run("glassbotan", "cost", str(ROOT / "workflow" / "studies" / "paper.yaml"), "--device", "gpu").stdout
    rows = [line.split() for line in text.splitlines()]
    simulated = {"melt", "quench", "equilibrate", "ensemble", "structure"}
    hours = [float(row[4]) for row in rows if len(row) > 4 and row[1] in simulated]
    assert len(hours) == 3 * len(simulated)
    assert 5 * 24 < sum(hours) < 30 * 24
    assert "fused" in text
    assert "H200" in text


def test_table_of_speeds_that_is_none_gets_a_message(tmp_path):
    (tmp_path / "speeds.csv").write_text("engine,speed\nlammps,3\n")
    result = run("glassbotan", "cost", str(ROOT / "config.yaml"), "--speeds", str(tmp_path / "speeds.csv"))
    assert result.returncode == 1
    assert "speeds.csv has no columns ['activity'" in result.stderr


def test_engine_that_is_not_installed_gets_a_message(tmp_path):
    try:
        import hoomd  # noqa: F401
    except ImportError:
        pass
    else:
        pytest.skip("HOOMD-blue is installed here")
    result = run("glassbotan", "melt", "--study", "x", "--temperature", "1.0", "--configurations", "1",
                 "--integrator.engine", "hoomd", "--output", str(tmp_path / "x.gsd"))  # fmt: skip
    assert result.returncode == 1
    assert result.stderr.startswith("glassbotan: error: ")
    assert "hoomd" in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_unknown_option_is_refused():
    result = run("glassbotan", "melt", "--liquid.densty", "1.2")
    assert result.returncode != 0
    assert "--liquid.densty" in result.stderr


def test_paper_study_is_planned_with_few_jobs(tmp_path):
    for name in ("Snakefile", "workflow", "envs", "src", "profiles", "config.yaml"):
        (tmp_path / name).symlink_to(ROOT / name)
    started = time.perf_counter()
    result = run("snakemake", "-n", "--configfile", "workflow/studies/paper.yaml", cwd=tmp_path)
    seconds = time.perf_counter() - started
    assert result.returncode == 0, result.stderr
    (total,) = {int(line.split()[1]) for line in result.stdout.splitlines() if line.startswith("total ")}
    print(f"{total} jobs planned in {seconds:.1f} s")
    assert 2000 < total <= 4000


def test_a_study_named_is_the_whole_study(tmp_path):
    """Nothing is taken from config.yaml then; --config overrides keys of either file."""
    for name in ("Snakefile", "workflow", "envs", "src", "profiles", "config.yaml"):
        (tmp_path / name).symlink_to(ROOT / name)
    settings = yaml.safe_load((ROOT / "config.yaml").read_text())
    mine = {key: settings[key] for key in ("temperatures", "configurations")}
    mine |= {"name": "mine", "models": [{"kind": "ridge"}]}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(mine))

    def melt_of(*options):
        target = f"results/{options[-1]}/T0.64/melt/b001.gsd"
        plan = run("snakemake", "-n", "-p", *options[:-1], "--", target, cwd=tmp_path)
        assert plan.returncode == 0, plan.stdout + plan.stderr
        (command,) = set(re.findall(r"python -m glassbotan melt .* > ", plan.stdout))
        return command

    named = melt_of("--configfile", "mine.yaml", "mine")
    assert '"particles":4096' in named  # the default, not that of config.yaml
    assert '"time":10000.0' in named
    assert '"particles":1000' in melt_of("quickstart")
    over = melt_of("--configfile", "mine.yaml", "--config", "name=over", "over")
    assert "--study over" in over
    assert '"particles":4096' in over
    assert '"particles":1000' in melt_of("--config", "name=over", "over")


def test_published_study_is_planned_from_a_release_beside_it(tmp_path):
    for name in ("Snakefile", "workflow", "envs", "src", "profiles", "config.yaml"):
        (tmp_path / name).symlink_to(ROOT / name)
    release = tmp_path / "pyg_botan"
    names = [f"small_data/T0.44/train/isoconfig_N4096T0.44_{number}_tc07.npz" for number in range(1, 11)]
    names += [f"small_data/T0.44/test/isoconfig_N4096T0.44_{number}_tc07.npz" for number in (401, 402, 403)]
    study = "workflow/studies/published.yaml"
    missing = run("snakemake", "-n", "--configfile", study, cwd=tmp_path)
    assert missing.returncode != 0
    assert "matches 0 files, but one was expected; put the published release there" in missing.stdout + missing.stderr
    for name in (*names, "initial_model/model1.pth"):
        (release / name).parent.mkdir(parents=True, exist_ok=True)
        (release / name).touch()
    result = run("snakemake", "-n", "--configfile", study, cwd=tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr
    planned = dict(line.split() for line in result.stdout.splitlines() if re.fullmatch(r"[a-z_]+ +\d+", line))
    assert {
        "import_weights": "1",
        "structure": "13",
        "fit": "27",
        "predict": "27",
        "report": "1",
    }.items() <= planned.items()
    assert not {"melt", "ensemble", "relaxation"} & planned.keys()


def test_fit_command_of_the_paper_study_is_understood(tmp_path):
    """It has no validation set; the command is valid, and stops because its first input does not exist."""
    for name in ("Snakefile", "workflow", "envs", "src", "profiles", "config.yaml"):
        (tmp_path / name).symlink_to(ROOT / name)
    target = "results/paper/T0.44/t03/pretraining/seed0/model.safetensors"
    plan = run("snakemake", "-n", "-p", "--configfile", "workflow/studies/paper.yaml", "--", target, cwd=tmp_path)
    (command,) = set(re.findall(r"python (-m glassbotan fit .*) > ", plan.stdout))
    result = run(sys.executable, *shlex.split(command), cwd=tmp_path)
    assert result.stderr.startswith("glassbotan: error: results/paper/T0.44/targets/c0001.npz does not exist")


@pytest.mark.parametrize(
    "benchmark",
    [
        ["targets.py", "--size", "1024", "--replicas", "2"],
        ["stage_overhead.py", "--particles", "256", "--steps", "200", "--repeats", "1"],
        ["engines.py", "--particles", "256", "--seconds", "0.1", "--repeats", "1"],
        ["training.py", "--sizes", "1", "--repeats", "1", "--threads", "1"],
        ["loading.py", "--configurations", "3", "--particles", "1000", "--times", "2"],
    ],
    ids=lambda benchmark: benchmark[0],
)
def test_benchmarks_run(benchmark):
    name, *options = benchmark
    result = run(sys.executable, str(ROOT / "benchmarks" / name), *options)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    "command",
    [
        ["ruff", "check", "."],
        ["ruff", "format", "--check", "."],
        ["snakefmt", "--check", "Snakefile", "workflow"],
        ["mypy"],
        ["snakemake", "--lint"],
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_tools_are_content(command, tmp_path):
    if shutil.which(command[0], path=str(BIN)) is None:
        pytest.skip(f"{command[0]} is not installed")
    result = run(*command, cwd=ROOT)
    assert result.returncode == 0, result.stdout + result.stderr
