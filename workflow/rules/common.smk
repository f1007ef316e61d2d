# The study, and how its settings become options of the stages.
import glob
import json
import os
import re
import shlex
import sys
from difflib import get_close_matches
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

sys.path.insert(0, str(Path(workflow.basedir) / "src"))

from glassbotan import layout
from glassbotan.devices import DEVICE, gpu_driver
from glassbotan.errors import GlassbotanError
from glassbotan.evaluate.figures.registry import drawn_in, figure_named
from glassbotan.provenance import STAGE_VERSIONS
from glassbotan.study.reading import resolved, study_from, variants_of
from glassbotan.study.runs import every_run
from glassbotan.study.section import Section


def prepend(variable, path):
    """Put a folder first in a search path of the environment that jobs inherit."""
    os.environ[variable] = os.pathsep.join(filter(None, [str(path), os.environ.get(variable)]))


# Jobs run the program of this checkout, with the interpreter that runs Snakemake or with that of their environment.
prepend("PYTHONPATH", Path(workflow.basedir) / "src")
prepend("PATH", Path(sys.executable).parent)

try:
    STUDY = study_from(config, source=f"study {', '.join(map(str, workflow.configfiles))}")
    STUDIES = {study.name: study for study in (STUDY, *variants_of(STUDY).values())}
    RUNS = {name: every_run(study) for name, study in STUDIES.items()}
except GlassbotanError as error:
    raise WorkflowError(str(error)) from None
# The device is neither an option nor a param of the stages: if it changes, no stage has to run again.
os.environ[DEVICE] = STUDY.device

# Folder of the files of a study. A variant of the study is a study with a folder of its own.
RESULTS = "results/{study}"
# `device: auto` uses a GPU if this machine has one. On a cluster, whose login node has none, set `device: gpu`.
ON_GPU = STUDY.device == "gpu" or (STUDY.device == "auto" and gpu_driver())
PROCESSOR = "gpu" if ON_GPU else "cpu"
# If jobs run in other environments than this one, the packages that are installed here are not those that jobs can use.
JOBS_RUN_ELSEWHERE = STUDY.device == "gpu" or bool(workflow.deployment_settings.deployment_method)
ENGINE_USES_GPU = STUDY.integrator.engine != "lammps" and (
    JOBS_RUN_ELSEWHERE or any(find_spec(name) is not None for name in ("cuda", "hoomd"))
)
SIMULATION_GPUS = int(ON_GPU and ENGINE_USES_GPU)
# Structures are made by the engine fused if the study's engine cannot make them.
STRUCTURE_GPUS = int(ON_GPU and (JOBS_RUN_ELSEWHERE or find_spec("cuda") is not None or bool(SIMULATION_GPUS)))
TRAINING_GPUS = int(ON_GPU and (JOBS_RUN_ELSEWHERE or not version("torch").endswith("cpu")))
SIMULATE = f"../../envs/simulate-{PROCESSOR}.yaml"
LEARN = f"../../envs/learn-{PROCESSOR}.yaml"


def study_of(wildcards):
    """The study that a file belongs to: that of the configuration file, or one of its variants."""
    return STUDIES[wildcards.study]


def of_study(wildcards, paths):
    """Paths of files of a study, from their paths relative to its folder."""
    folder = f"results/{wildcards.study}"
    return f"{folder}/{paths}" if isinstance(paths, str) else [f"{folder}/{path}" for path in paths]


def or_workflow_error(function, *arguments):
    """Result of a function of the package; its errors become errors of the workflow, without a traceback."""
    try:
        return function(*arguments)
    except GlassbotanError as error:
        raise WorkflowError(str(error)) from None


def options(wildcards, **settings):
    """Settings as options of a stage: numbers as they are, sections and lists as JSON, tuples with commas."""
    words = []
    for name, value in {"study": wildcards.study, **settings}.items():
        if value in ((), {}, []) or value is None or value is False:
            continue
        if isinstance(value, Section):
            value = value.model_dump_json()
        elif isinstance(value, (dict, list)):
            value = json.dumps(value)
        elif isinstance(value, tuple):
            value = ",".join(map(str, value))
        words.append(f"--{name.replace('_', '-')}")
        if value is not True:
            words.append(shlex.quote(str(value)))
    return " ".join(words)


def point_of(wildcards):
    """The state point that a file belongs to."""
    return or_workflow_error(study_of(wildcards).point, wildcards.point)


def run_of(wildcards):
    """The fit that a file belongs to."""
    folder = f"{wildcards.point}/{wildcards.time}/{wildcards.model}{wildcards.variant}/seed{wildcards.seed}"
    runs = RUNS[wildcards.study]
    if folder not in runs:
        near = get_close_matches(folder, runs, n=3)
        raise WorkflowError(
            f"study {wildcards.study} has no fit {folder}"
            + (f"; did you mean {' or '.join(near)}?" if near else "; `glassbotan check` lists its models and times")
        )
    return runs[folder]


def targets_settings(wildcards):
    """Settings of the targets in a folder; with fewer replicas if its name gives their number, as in targets-r04."""
    _, _, replicas = wildcards.targets.partition("-r")
    settings = study_of(wildcards).targets
    return settings.model_copy(update={"most_replicas": int(replicas)}) if replicas else settings


def show_table(path):
    if Path(path).exists():
        print(Path(path).read_text())
