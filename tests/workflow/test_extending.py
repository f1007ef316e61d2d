"""The worked examples of docs/extending.md, carried out in a copy of the package."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "extending.md").read_text()
BLOCK = re.compile(r"<!-- (?P<what>\w+)(?:: (?P<file>\S+))? -->\n```\w+\n(?P<content>.*?)```\n", re.DOTALL)
BLOCKS = list(BLOCK.finditer(PAGE))

LIQUID = {
    "name": "tiny",
    "liquid": {"particles": 256},
    "melt": {"time": 1.0},
    "quench": {"time": 1.0},
    "equilibration": {"relaxation_times": 1.0},
    "ensemble": {"replicas": 4},
    "temperatures": [{"temperature": 0.9, "relaxation_time": 1.0, "sampling_times": [0.1, 1.0]}],
    "configurations": {"train": "1-2", "test": "3-4"},
    "limits": {"enforce": False},
}
RIDGE = {"descriptors": {"averages": 1}, "structures": ["thermal"]}


@pytest.fixture(scope="module")
def extended(tmp_path_factory) -> Path:
    """A copy of the repository with the code of the page, in the files that the page names."""
    path = tmp_path_factory.mktemp("extended")
    for name in ("src", "workflow", "envs", "tests"):
        shutil.copytree(ROOT / name, path / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    shutil.copy(ROOT / "Snakefile", path)
    shutil.copy(ROOT / "pyproject.toml", path)
    for block in BLOCKS:
        target = path / (block["file"] or "")
        if block["what"] == "file":
            assert not target.exists()
            target.write_text(block["content"])
        elif block["what"] == "append":
            target.write_text(f"{target.read_text()}\n\n{block['content']}")
        elif block["what"] == "edit":
            text = target.read_text()
            old, new = ("\n".join(re.findall(rf"^\{sign}(.*)$", block["content"], re.MULTILINE)) for sign in "-+")
            assert text.count(old) == 1, old
            target.write_text(text.replace(old, new))
    models = [
        model for block in BLOCKS if block["what"] == "study" for model in yaml.safe_load(block["content"])["models"]
    ]
    models = [{**RIDGE, **model} if model["kind"] == "ridge" else model for model in models]
    (path / "config.yaml").write_text(yaml.safe_dump({**LIQUID, "models": models}))
    return path


def run(extended: Path, *command: str) -> subprocess.CompletedProcess:
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(extended / "src"),
    }
    return subprocess.run(command, cwd=extended, env=environment, capture_output=True, text=True, timeout=600)


@pytest.fixture(scope="module")
def finished(extended) -> Path:
    """The study of the page's models, run from the melt to the report."""
    result = run(extended, "snakemake", "--cores", "2")
    assert result.returncode == 0, result.stdout + result.stderr
    return extended / "results" / "tiny"


def test_every_piece_of_code_of_the_page_is_carried_out():
    assert [block["what"] for block in BLOCKS] == [
        "file", "edit", "study", "append", "edit", "study", "file", "run", "file", "edit", "run"
    ]  # fmt: skip
    assert PAGE.count("```") == 2 * (len(BLOCKS) + 1)  # one more for the entry point


def test_a_predictor_is_fitted_and_scored_like_any_other(finished):
    scores = pd.read_csv(finished / "tables" / "pearson.csv")
    of_coordination = scores[scores.model == "coordination"]
    assert of_coordination.time.tolist() == [0.1, 1.0]
    assert of_coordination.fitted.all()
    assert of_coordination.pearson.notna().all()


def test_a_target_is_measured_and_predicted(finished):
    scores = pd.read_csv(finished / "tables" / "pearson.csv")
    of_target = scores[scores.target == "B"]
    assert set(of_target.model) == {"ridge"}
    assert (of_target[of_target.time == 1.0].pearson > 0.1).all()
    assert "bond breaking B" in (finished / "tables" / "pearson.txt").read_text()


def test_a_figure_is_drawn_and_in_the_report(finished):
    name = "propensity_distribution_T0.90"
    assert {path.suffix for path in (finished / "figures").glob(f"{name}.*")} == {".png", ".svg", ".csv"}
    table = pd.read_csv(finished / "figures" / f"{name}.csv")
    areas = table.groupby("time").apply(lambda one: (one.density * one.relative_propensity.diff().mean()).sum())
    assert areas.to_numpy() == pytest.approx(1, abs=1e-4)  # tables have six digits
    assert "Distribution of the propensity" in (finished / "report.html").read_text()


@pytest.mark.parametrize(
    "command", [block["content"] for block in BLOCKS if block["what"] == "run"], ids=lambda command: command.split()[0]
)
def test_commands_of_the_page_run(extended, finished, command):
    result = run(extended, *command.split())
    assert result.returncode == 0, result.stdout + result.stderr


def test_an_engine_melts_and_quenches_the_liquid(extended):
    """Run melt and quench with the page's engine; the tests of all engines compare its forces with the formula."""
    made = extended / "by_hand"
    common = ("--study", "mine", "--temperature", "0.9", "--integrator.engine", "reference")
    result = run(
        extended, "glassbotan", "melt", *common, "--configurations", "1", "--liquid.particles", "256",
        "--melt.time", "0.05", "--output", str(made / "melt.gsd"),
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    result = run(
        extended, "glassbotan", "quench", *common, "--quench.time", "0.05", "--input", str(made / "melt.gsd"),
        "--output", str(made / "quenched.gsd"),
    )  # fmt: skip
    assert result.returncode == 0, result.stderr


def test_the_code_of_the_page_is_written_like_ours(extended):
    if shutil.which("ruff", path=str(Path(sys.executable).parent)) is None:
        pytest.skip("ruff is not installed")
    for command in (("ruff", "check", "src"), ("ruff", "format", "--check", "src")):
        result = run(extended, *command)
        assert result.returncode == 0, result.stdout + result.stderr
