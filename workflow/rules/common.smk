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
from glassbotan.runs import (
    drawn_correlations,
    drawn_pairs,
    drawn_particles,
    drawn_times,
    every_run,
    learning_curve_runs,
    loss_weight_runs,
    pretraining_run,
    pretraining_runs,
    rounds_runs,
    training_runs,
    transfer_runs,
)
from glassbotan.study import Section
from glassbotan.study_file import study_from


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

RESULTS = f"results/{STUDY.name}"
SIMULATED = STUDY.source == "simulation"
# Published values are of one liquid.
COMPARABLE = STUDY.liquid.is_the_papers
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
OWN = list(training_runs(STUDY))
NETWORKS = [*pretraining_runs(STUDY), *OWN]
RUNS = every_run(STUDY)


def point_of(wildcards):
    """The state point that a file belongs to."""
    return STUDY.point(wildcards.point)


def options(**settings):
    """Settings as options of a stage: numbers as they are, sections of the study as JSON, sequences with commas."""
    words = []
    for name, value in {"study": STUDY.name, **settings}.items():
        if value == () or value is False:
            continue
        if isinstance(value, Section):
            value = value.model_dump_json()
        elif isinstance(value, tuple):
            value = ",".join(map(str, value))
        dashes = "--" if len(name) > 1 else "-"
        words.append(dashes + name.replace("_", "-"))
        words += [] if value is True else [shlex.quote(str(value))]
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
    return f"{RESULTS}/{pretraining_run(STUDY, run).folder}/model.pt"


def train_options(wildcards):
    # A function of `input` would not do: Snakemake does not watch such params for changes.
    run = run_of(wildcards)
    initial = initial_of(wildcards)
    return options(
        model=run.model.name,
        temperature=run.point.temperature,
        time_index=run.time_index,
        p=run.model.p,
        motion=run.model.motion,
        seed=run.seed,
        train=run.train,
        validation=STUDY.configurations.validation,
        network=run.network,
        training=run.training,
        **({"initial": initial} if initial else {}),
    )


def predict_options(wildcards, point, time, transferred=False):
    """Options of the prediction of a network at a state point and time."""
    return options(
        temperature=STUDY.point(point).temperature,
        time_index=int(time),
        network=run_of(wildcards).network,
        predict=STUDY.predict,
        transferred=transferred,
    )


def predictions(runs):
    return [f"{RESULTS}/{run.folder}/predictions.npz" for run in runs]


def needed(files, sentence):
    """The files that a figure is drawn from, or a sentence that says why the study has none."""
    if not files:
        raise WorkflowError(f"study {STUDY.name} {sentence}")
    return files


VARIATIONS = {
    "learning_curve": (learning_curve_runs, "no section learning_curve"),
    "rounds": (rounds_runs, "no ablations.rounds"),
    "loss_weight": (loss_weight_runs, "no ablations.p"),
}


def varied_predictions(wildcards):
    """Predictions of every network of a variation."""
    runs, missing = VARIATIONS[wildcards.variation]
    return needed(predictions(runs(STUDY)), f"has {missing}, which would say what to draw")


def transferred_predictions(wildcards):
    """Predictions of networks where they were trained and elsewhere."""
    files = [
        f"{RESULTS}/{run.folder}/"
        + ("predictions.npz" if run == on else f"on-{on.point.label}-t{on.time_index:02d}.npz")
        for run, on in transfer_runs(STUDY)
    ]
    return needed(files, "has no section transfer, which would say what to draw")


def pretraining_histories(ending):
    """Of every pretrained network, as an input function."""

    def files(wildcards):
        found = [f"{RESULTS}/{run.folder}/{ending}" for run in pretraining_runs(STUDY)]
        return needed(found, "pretrains no network: no model starts from one, or weights are published ones")

    return files


def pair_maps(wildcards):
    files = predictions(drawn_pairs(STUDY, point_of(wildcards)))
    return needed(files, f"has no network at {wildcards.point} that predicts pairs")


def propensity_maps(wildcards):
    files = predictions(drawn_particles(STUDY, point_of(wildcards)))
    return needed(files, f"has no time at {wildcards.point} with both a network with p = 1 and one with 0 < p < 1")


def correlations(wildcards):
    files = predictions(drawn_correlations(STUDY, point_of(wildcards)))
    return needed(files, f"has no network at {wildcards.point} that predicts S")


def figure(name):
    """The files of a figure: for looking, for a paper, and its numbers."""
    return {ending: f"{RESULTS}/figures/{name}.{ending}" for ending in ("png", "svg", "csv")}


def figures():
    """Every figure that the study has the inputs of, but for those that train networks of their own."""
    names = ["simulation_quality", "losses"]
    names += ["fig02_relaxation"] if SIMULATED else []
    names += ["fig03_pretraining_loss"] if pretraining_runs(STUDY) else []
    names += ["fig05_pair_pearson"] if any(run.model.p < 1 for run in OWN) else []
    names += ["fig08_propensity_pearson"] if any(run.model.p > 0 for run in OWN) else []
    for point in STUDY.temperatures:
        names += [f"fig04_pair_maps_{point.label}"] if drawn_pairs(STUDY, point) else []
        names += [f"fig06_joint_distribution_{point.label}"] if STUDY.source != "glassbench" else []
        names += [f"fig07_propensity_maps_{point.label}"] if drawn_particles(STUDY, point) else []
        names += [f"heterogeneity_{point.label}"] if drawn_correlations(STUDY, point) else []
    return [f"{RESULTS}/figures/{name}.png" for name in names]


def asked_figures():
    """Figures that train networks of their own, of those that the study describes the ones that are there.

    The report shows them, but they are no inputs of it: a changed setting would train all their networks again.
    """
    names = ["learning_curve"] if STUDY.learning_curve else []
    names += ["fig09_rounds"] if STUDY.ablations and STUDY.ablations.rounds else []
    names += ["fig10_loss_weight"] if STUDY.ablations and STUDY.ablations.p else []
    names += ["transfer"] if STUDY.transfer else []
    return tuple(path for name in names if Path(path := f"{RESULTS}/figures/{name}.png").exists())


def show_table(path):
    if Path(path).exists():
        print(Path(path).read_text())
