"""What a study will take, before anyone submits it."""

from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from glassbotan.errors import FileError
from glassbotan.runs import pretraining_runs, training_runs
from glassbotan.study import Study

PAIRS_PER_PARTICLE = {"density": 1.2, "range": 2.0, "pairs": 18.2}
"""Of the liquid at rho = 1.2 within 2.0; elsewhere they go as rho r^3."""


class StageCost(NamedTuple):
    """What one stage takes at one state point, or at all of them together."""

    stage: str
    temperature: float
    jobs: int
    activity: str
    """simulate, train or nothing: whose speed counts"""
    particle_steps: float
    """time steps, or steps of the optimiser, times particles"""
    bytes: float
    """on disk when it is done"""


def stage_costs(study: Study) -> list[StageCost]:
    """What each stage takes, state point by state point, in the order of the data."""
    n = study.liquid.particles
    split = study.configurations
    pairs = n * PAIRS_PER_PARTICLE["pairs"] * study.liquid.density / PAIRS_PER_PARTICLE["density"]
    pairs *= (study.targets.pair_range / PAIRS_PER_PARTICLE["range"]) ** 3
    runs = [*pretraining_runs(study), *training_runs(study)]
    frame = 12 * n  # three numbers in single precision for each particle
    costs = []
    for point in study.temperatures:
        on_disk: float
        configurations, batches = len(split.all), len(study.batches)
        sampling_steps = study.integrator.sampling_steps(point.sampling_times)
        if study.source == "simulation":
            for stage, time in (
                ("melt", study.melt.time),
                ("quench", study.quench.time),
                ("equilibrate", study.equilibration_time(point)),
            ):
                work = configurations * n * study.integrator.steps(time)
                on_disk = configurations * (3 * frame + n)  # position, image, velocity, species
                costs.append(StageCost(stage, point.temperature, batches, "simulate", work, on_disk))

            ensemble = study.ensemble
            work = configurations * n * ensemble.replicas * sampling_steps[-1]
            frames = ensemble.relaxation_replicas * len(ensemble.relaxation_steps(sampling_steps))
            frames += (ensemble.replicas - ensemble.relaxation_replicas) * len(sampling_steps)
            on_disk = configurations * frames * 2 * frame  # position, image
            costs.append(StageCost("ensemble", point.temperature, configurations, "simulate", work, on_disk))

        n_t = len(sampling_steps)
        on_disk = configurations * (
            8 * pairs + n_t * (12 * pairs + 15 * 4 * n)
        )  # pairs, E and halves; S, R, C, D and halves; the mean displacement
        costs.append(StageCost("targets", point.temperature, configurations, "", 0, on_disk))

        here = [run for run in runs if run.point == point]
        work = sum(run.training.epochs * len(split.train) * n for run in here)
        costs.append(StageCost("train", point.temperature, len(here), "train", work, 0))
        scored = [run for run in training_runs(study) if run.point == point]
        on_disk = len(scored) * len(split.test) * (24 * pairs + 36 * n)
        costs.append(StageCost("predict", point.temperature, len(scored), "", 0, on_disk))
    return costs


def read_speeds(path: Path | None = None) -> pd.DataFrame:
    """Speeds by activity and device, as `benchmarks/engines.py` writes them; by default those in the package.

    Columns: activity, engine, version, device, processor, particles, systems_per_launch, processes, minimum, median
    and maximum (particle-steps per second of all processes together), source.
    """
    with resources.as_file(resources.files("glassbotan") / "speeds.csv") as packaged:
        try:
            table = pd.read_csv(path or packaged)
        except (OSError, ValueError) as error:
            raise FileError(
                f"{path} cannot be read as a table of speeds ({error}); make it with benchmarks/engines.py --output"
            ) from None
    missing = {"activity", "engine", "device", "processor", "processes", "median", "source"} - set(table.columns)
    if missing:
        raise FileError(f"{path} has no columns {sorted(missing)}; make it with benchmarks/engines.py --output")
    return table


def speed(table: pd.DataFrame, activity: str, device: str, engine: str = "auto") -> dict[str, Any] | None:
    """The fastest measurement for one process of an activity on a device, or nothing where none is known."""
    known = table[(table.activity == activity) & (table.device == device) & (table.processes == 1)]
    if engine != "auto" and activity == "simulate":
        known = known[known.engine == engine]
    rows = known.sort_values("median").to_dict("records")
    return {str(name): value for name, value in rows[-1].items()} if rows else None
