"""Predicted cost of a study, and the measured cost of its jobs."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from glassbotan.errors import FileError
from glassbotan.provenance import STAGE_VERSIONS
from glassbotan.structure.states import CAGE, INHERENT, MODES, SHORT, numbers_of
from glassbotan.study.reading import variants_of
from glassbotan.study.runs import every_start, fits_of, half_sample_runs, runs_of, with_starts
from glassbotan.study.study import Study

if TYPE_CHECKING:
    import pandas as pd

DAY = 24
"""Hours."""
CAGES = "cages"
"""Dynamics of particles that are held in spheres; only the engine fused has it."""
RANGE = ("minimum", "median", "maximum")
"""Columns of a table of speeds, particle-steps per second."""
PAIRS_PER_PARTICLE = {"density": 1.2, "range": 2.0, "pairs": 18.2}
"""Number of pairs per particle within `range` (sigma_AA) at number density `density` (sigma_AA^-3).

For other densities rho and ranges r it is scaled in proportion to rho r^3.
"""


class StageCost(NamedTuple):
    """Cost of one stage at one state point."""

    stage: str
    temperature: float
    jobs: int
    activity: str
    """kind of work, which selects the measured speed: simulate, train, or empty if the time is negligible"""
    particle_steps: float
    """time steps, or graphs passed through in training, times the number of particles"""
    bytes: float
    """disk space of the finished output, in bytes"""
    dynamics: str = ""
    """NVE, NVT or cages, of a simulation"""
    systems: int = 1
    """number of systems that a job simulates"""
    particles: int = 1
    """number of particles of each"""
    variant: str = ""
    """name of the variant of the study that it belongs to"""


def stage_costs(study: Study) -> list[StageCost]:
    """Cost of each stage in the order in which they run, for one state point after the other; then the variants."""
    n = study.liquid.particles
    split = study.configurations
    half = [run for _, run in half_sample_runs(study)]
    pairs = n * PAIRS_PER_PARTICLE["pairs"] * study.liquid.density / PAIRS_PER_PARTICLE["density"]
    pairs *= (study.targets.pair_range / PAIRS_PER_PARTICLE["range"]) ** 3
    runs = fits_of([*every_start(study), *with_starts(study, half), *runs_of(study)])
    frame = 12 * n  # bytes: three numbers in single precision for each particle
    costs = []
    for point in study.temperatures:
        on_disk: float
        configurations, batches = len(split.all), len(study.simulation_batches.numbers)
        integrator = point.integrator(study.integrator)
        sampling_steps = integrator.sampling_steps(point.sampling_times)
        if study.simulates:
            made_here = (
                ("melt", study.melt.time),
                ("quench", study.quench.time),
                ("equilibrate", study.equilibration_time(point)),
            )
            for stage, time in () if point.starts else made_here:
                work = configurations * n * integrator.steps(time)
                on_disk = configurations * (3 * frame + n)  # position, image, velocity, species
                systems = min(study.simulation_batch, configurations)
                costs.append(StageCost(stage, point.temperature, batches, "simulate", work, on_disk, "NVT", systems))

            ensemble = study.ensemble
            work = configurations * n * ensemble.replicas * sampling_steps[-1]
            frames = ensemble.relaxation_replicas * len(ensemble.relaxation_steps(sampling_steps))
            frames += (ensemble.replicas - ensemble.relaxation_replicas) * len(sampling_steps)
            on_disk = configurations * frames * 2 * frame  # position, image
            jobs = len(study.ensemble_batches.numbers)
            systems = min(study.ensemble_batch, configurations) * ensemble.replicas
            costs.append(StageCost("ensemble", point.temperature, jobs, "simulate", work, on_disk,
                                   ensemble.dynamics, systems))  # fmt: skip

        n_t = len(sampling_steps)
        on_disk = configurations * (
            8 * pairs + n_t * (12 * pairs + 15 * 4 * n)
        )  # pairs; E with its halves; S, R, C, D with their halves, and the mean displacement
        costs.append(StageCost("targets", point.temperature, configurations, "", 0, on_disk))

        if study.states:
            of_one, kept = structure_cost(study, integrator.timestep)
            costs.append(
                StageCost("structure", point.temperature, configurations, "simulate", configurations * of_one,
                          configurations * kept, CAGES, study.structure.cage.copies)
            )  # fmt: skip

        here = [run for run in runs if run.fitted_to[0] == point]
        graphs = sum(
            run.model.setting("training.epochs") * len(run.fitted_to) * len(run.train)
            for run in here
            if run.model.has_epochs
        )
        costs.append(StageCost("fit", point.temperature, len(here), "train", graphs * n, 0))
        scored = [run for run in (*runs_of(study), *half) if run.point == point]
        at_times = sum(len(run.time_indices) for run in scored)
        on_disk = len(split.test) * (at_times * (16 * pairs + 36 * n) + len(scored) * 8 * pairs)
        costs.append(StageCost("predict", point.temperature, len(scored), "", 0, on_disk))
    costs = [cost._replace(particles=n) for cost in costs]
    for name, variant in variants_of(study).items():
        costs += [cost._replace(variant=name) for cost in stage_costs(variant)]
    return costs


def structure_cost(study: Study, timestep: float) -> tuple[float, float]:
    """Particle-steps and bytes of the states behind one configuration.

    Minimisations and normal modes, which take seconds of a core, are not counted.
    """
    n, settings = study.liquid.particles, study.structure
    cages, short = numbers_of(CAGE, study.states), numbers_of(SHORT, study.states)
    steps = len(cages) * settings.cage.copies * (settings.cage.duration + settings.cage.settling)
    work = n * steps / settings.cage.timestep
    work += n * settings.short.replicas * max(short, default=0.0) / timestep
    return work, 8 * n * (
        4 * len(cages) + 5 * len(short) + 4 * (INHERENT in study.states) + 2 * (MODES in study.states)
    )


def read_speeds(path: Path | None = None) -> pd.DataFrame:
    """Table of speeds from a file that `benchmarks/engines.py` wrote; without a path, the table in the package.

    Columns: activity, engine, version, device, processor, dynamics (NVE, NVT or cages), particles, systems (that
    advance together), processes, minimum, median and maximum (particle-steps per second of all processes together),
    source.
    """
    import pandas as pd

    with resources.as_file(resources.files("glassbotan") / "speeds.csv") as packaged:
        try:
            table = pd.read_csv(path or packaged)
        except (OSError, ValueError) as error:
            raise FileError(
                f"{path} cannot be read as a table of speeds ({error}); make it with benchmarks/engines.py --output"
            ) from None
    needed = {"activity", "engine", "version", "device", "processor", "dynamics", "particles", "systems", "processes"}
    missing = {*needed, *RANGE, "source"} - set(table.columns)
    if missing:
        raise FileError(f"{path} has no columns {sorted(missing)}; make it with benchmarks/engines.py --output")
    return table


def speed(
    table: pd.DataFrame,
    activity: str,
    device: str,
    engine: str = "auto",
    dynamics: str = "",
    particles: int = 1,
    systems: int = 1,
    card: str = "",
) -> dict[str, Any] | None:
    """The measured speed that comes nearest to a kind of work, as a row of the table; None if there is none.

    Of each engine it is that of the same dynamics where one was measured, of the nearest number of particles, and
    interpolated between numbers of systems; fewer systems than the fewest measured advance as fast, each. If it was
    measured on several processors, the first in the table counts, or the one whose name contains `card`. For engine
    auto, it is that of the fastest engine.
    """
    known = table[(table.activity == activity) & (table.device == device) & (table.processes == 1)]
    known = known[known.processor.str.contains(card, case=False, regex=False)]
    if dynamics == CAGES:
        known = known[(known.engine == "fused") & (known.dynamics == CAGES)]
    elif engine != "auto" and activity == "simulate":
        known = known[known.engine == engine]
    found: list[dict[str, Any]] = []
    for _, of_engine in known.groupby("engine"):
        rows = of_engine[of_engine.processor == of_engine.processor.iloc[0]]
        if (rows.dynamics == dynamics).any():
            rows = rows[rows.dynamics == dynamics]
        far = np.abs(np.log(rows.particles / particles))
        rows = rows[far == far.min()].sort_values("systems")
        fewer = min(1.0, systems / rows.systems.min())
        speeds = {name: fewer * float(np.interp(systems, rows.systems, rows[name])) for name in RANGE}
        nearest = rows.iloc[int(np.abs(rows.systems - systems).argmin())].to_dict()
        found.append({str(name): value for name, value in nearest.items()} | speeds | {"systems": systems})
    return max(found, key=lambda row: float(row["median"])) if found else None


def cost_table(study: Study, device: str, speeds: pd.DataFrame, card: str = "") -> list[Any]:
    """Predicted cost of a study on a kind of processor: a table for rich, and lines about the speeds it is based on.

    Parameters
    ----------
    card : part of the name of the processor whose speeds are used; by default, the first in the table that was measured
    """
    from rich.table import Table

    shown = Table("T", "stage", box=None, pad_edge=False)
    for column in ("jobs", "particle-steps", "GPU-hours" if device == "gpu" else "core-hours", "range", "GB"):
        shown.add_column(column, justify="right")
    hours_of_all = np.zeros(len(RANGE))
    bytes_of_all = 0.0
    lines: list[str] = []
    engine = study.integrator.engine
    for cost in stage_costs(study):
        hours = spread = ""
        if cost.activity:
            measured = speed(speeds, cost.activity, device, engine, cost.dynamics, cost.particles, cost.systems, card)
            hours = "not known"
            lines.append(_source_of(cost.activity, measured))
            if measured is not None:
                of_stage = cost.particle_steps / np.array([measured[name] for name in RANGE]) / 3600
                hours_of_all += of_stage
                longest, middle, shortest = of_stage
                hours, spread = f"{middle:,.2f}", _range(shortest, longest)
        bytes_of_all += cost.bytes
        shown.add_row(
            f"{cost.temperature:g}",
            " ".join(filter(None, [cost.variant, cost.stage])),
            str(cost.jobs),
            f"{cost.particle_steps:.2g}" if cost.activity else "",
            hours,
            spread,
            f"{cost.bytes / 1e9:,.2f}" if cost.bytes else "",
        )
    longest, middle, shortest = hours_of_all
    shown.add_row("", "all", "", "", f"{middle:,.1f}", _range(shortest, longest), f"{bytes_of_all / 1e9:,.1f}")
    lines.append("range: with the fastest and the slowest of the measured speeds; other machines differ by more")
    if device == "gpu" and middle > DAY:
        lines.append(f"{middle / DAY:.1f} days of one GPU in all")
    return [shown, *dict.fromkeys(lines)]


def _range(shortest: float, longest: float) -> str:
    """Two numbers of hours as text; empty if they are the same, as for a speed that was measured once."""
    low, high = f"{shortest:,.2f}", f"{longest:,.2f}"
    return "" if low == high else f"{low} to {high}"


def _source_of(activity: str, measured: dict[str, Any] | None) -> str:
    """A line about the speed that was used."""
    if measured is None:
        return f"{activity}: no speed was measured on this device, so the sum does not include it"
    what = (
        activity
        if activity == "train"
        else f"{activity}, {measured['dynamics']}, {measured['systems']} systems together"
    )
    return (
        f"{what}: {measured['median']:.3g} particle-steps per second, {measured['engine']} {measured['version']} on "
        f"{measured['processor']}, N = {measured['particles']} ({measured['source']})"
    )


def cost_of_jobs(folder: Path, files: Sequence[Path]) -> pd.DataFrame:
    """Time and memory that the jobs of each stage took, from Snakemake's benchmark files.

    Parameters
    ----------
    folder : folder with a subfolder of benchmark files for each stage
    files : benchmark files of all jobs

    Returns
    -------
    table : columns stage, jobs, wall_seconds, cpu_seconds, longest_job_seconds, peak_memory_mb; in order of the stages
    """
    import pandas as pd

    jobs = pd.concat(
        pd.read_csv(path, sep="\t", na_values="-").assign(stage=path.relative_to(folder).parts[0].split("-")[0])
        for path in files
    )
    stages = jobs.groupby("stage")
    table = pd.DataFrame(
        {
            "jobs": stages.size(),
            "wall_seconds": stages["s"].sum().round(1),
            "cpu_seconds": stages["cpu_time"].sum().round(1),
            "longest_job_seconds": stages["s"].max().round(1),
            "peak_memory_mb": stages["max_rss"].max().round(),
        }
    ).reset_index()
    order = [name for name in STAGE_VERSIONS if name in set(table.stage)]
    return table.set_index("stage").loc[order].reset_index()
