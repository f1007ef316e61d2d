import glob
import os
import shlex
import sys
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

sys.path.insert(0, str(Path(workflow.basedir) / "src"))

from glassbotan.devices import DEVICE, gpu_driver
from glassbotan.errors import StudyError
from glassbotan.provenance import STAGE_VERSIONS
from glassbotan.study import Section, study_from


def prepend(variable, path):
    """Put a folder first in a search path of the environment that jobs inherit."""
    os.environ[variable] = os.pathsep.join(filter(None, [str(path), os.environ.get(variable)]))


# Jobs run this checkout's program with the interpreter that runs Snakemake, or with that of their own environment.
prepend("PYTHONPATH", Path(workflow.basedir) / "src")
prepend("PATH", Path(sys.executable).parent)

try:
    STUDY = study_from(config, source="configuration")
except StudyError as error:
    raise WorkflowError(str(error)) from None
# No option and no param: where a stage runs is no reason to run it again.
os.environ[DEVICE] = STUDY.device
config.update(STUDY.model_dump(mode="json"))  # with every default, for the captions of the report

RESULTS = f"results/{STUDY.name}"
SIMULATED = STUDY.source == "simulation"
PUT_THERE = "put the published release there, or name another place in the study's file"
# `device: auto` means what this machine has; on a cluster, whose login node has no GPU, a study says `device: gpu`.
ON_GPU = STUDY.device == "gpu" or (STUDY.device == "auto" and gpu_driver())
PROCESSOR = "gpu" if ON_GPU else "cpu"
SURE = STUDY.device == "gpu" or bool(workflow.deployment_settings.deployment_method)
HOOMD_MAY_RUN = STUDY.integrator.engine != "lammps" and (SURE or find_spec("hoomd") is not None)
SIMULATION_GPUS = int(ON_GPU and HOOMD_MAY_RUN)
TRAINING_GPUS = int(ON_GPU and (SURE or not version("torch").endswith("cpu")))
SIMULATE = f"../../envs/simulate-{PROCESSOR}.yaml"
LEARN = f"../../envs/learn-{PROCESSOR}.yaml"
NETWORKS = [*STUDY.pretraining_runs(), *STUDY.training_runs()]
RUNS = {run.folder: run for run in (*NETWORKS, *STUDY.learning_curve_runs())}


def point_of(wildcards):
    """The state point that a file belongs to."""
    return STUDY.point(wildcards.point)


def options(**settings):
    """Settings as options of a stage: numbers as they are, sections of the study as JSON, sequences with commas."""
    words = []
    for name, value in {"study": STUDY.name, **settings}.items():
        if value == ():
            continue
        if isinstance(value, Section):
            value = value.model_dump_json()
        elif isinstance(value, tuple):
            value = ",".join(map(str, value))
        dashes = "--" if len(name) > 1 else "-"
        words += [dashes + name.replace("_", "-"), shlex.quote(str(value))]
    return " ".join(words)


def targets_of(label, configurations, folder="targets"):
    return [f"{RESULTS}/{label}/{folder}/c{number:04d}.npz" for number in configurations]


def learnt_from(wildcards):
    """The targets that a network learns from."""
    run = run_of(wildcards)
    return targets_of(wildcards.point, (*run.train, *STUDY.configurations.validation), run.targets)


def targets_settings(wildcards):
    """The targets' settings, perhaps with fewer replicas than there are."""
    _, _, replicas = wildcards.targets.partition("-r")
    return STUDY.targets.model_copy(update={"most_replicas": int(replicas)}) if replicas else STUDY.targets


def equilibrated_batch(wildcards):
    """The batch that a configuration is in."""
    batch = STUDY.batch_of(int(wildcards.configuration))
    return f"{RESULTS}/{wildcards.point}/equilibrated/b{batch:03d}.gsd"


def ensembles():
    """Every ensemble of the study."""
    return [
        f"{RESULTS}/{point.label}/ensemble/c{number:04d}.gsd"
        for point in STUDY.temperatures
        for number in STUDY.configurations.all
    ]


def run_of(wildcards):
    """The network that a file belongs to."""
    folder = f"{wildcards.point}/t{wildcards.time}/{wildcards.model}/seed{wildcards.seed}"
    try:
        return RUNS[folder]
    except KeyError:
        raise WorkflowError(f"study {STUDY.name} has no network {folder}; its networks are {', '.join(RUNS)}")


def published_files(wildcards):
    """The published files of a configuration, in order of the sampling times."""
    found = []
    for pattern in point_of(wildcards).files_of(int(wildcards.configuration)):
        matches = glob.glob(pattern)
        if len(matches) != 1:
            raise WorkflowError(f"{pattern} names {len(matches)} files, but one was expected; {PUT_THERE}")
        found += matches
    return found


def published_weights(wildcards):
    """The published weights with a number."""
    path = STUDY.pretraining.weights.replace("{seed}", wildcards.seed)
    if not Path(path).exists():
        raise WorkflowError(f"{path} does not exist; {PUT_THERE}")
    return path


def initial_of(wildcards):
    """The pretrained network that a network starts from, if it does."""
    run = run_of(wildcards)
    if not run.model.starts_from_pretrained:
        return []
    if STUDY.pretraining.weights is not None:
        return f"{RESULTS}/published/seed{run.seed}/model.pt"
    return f"{RESULTS}/{STUDY.pretraining_run(run.seed).folder}/model.pt"


def train_options(wildcards):
    # A function of `input` would not do: Snakemake does not watch such params for changes.
    run = run_of(wildcards)
    initial = initial_of(wildcards)
    return options(
        model=run.model.name,
        temperature=run.point.temperature,
        time_index=run.time_index,
        p=run.model.p,
        seed=run.seed,
        train=run.train,
        validation=STUDY.configurations.validation,
        network=STUDY.network,
        training=run.training,
        **({"initial": initial} if initial else {}),
    )


def learning_curve_predictions(wildcards):
    """Predictions of every network of the learning curve."""
    if STUDY.learning_curve is None:
        raise WorkflowError(f"study {STUDY.name} has no section learning_curve, which would say what to draw")
    return [f"{RESULTS}/{run.folder}/predictions.npz" for run in STUDY.learning_curve_runs()]


def figure(name, caption, category):
    """The two files of a figure; the PNG goes into the report."""
    path = f"{RESULTS}/figures/{name}"
    return {
        "png": report(f"{path}.png", caption=f"../report/{caption}.rst", category=category),
        "svg": f"{path}.svg",
    }


def maps():
    """The map of every network that predicts both particles and pairs, first seed."""
    return [
        f"{RESULTS}/figures/map_{run.name}.{ending}"
        for run in STUDY.training_runs()
        if 0 < run.model.p < 1 and run.seed == run.model.seeds[0]
        for ending in ("png", "svg")
    ]


def show_table(path):
    if Path(path).exists():
        print(Path(path).read_text())
