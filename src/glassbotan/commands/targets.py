"""From the ensembles to targets, and what they say about the liquid."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveFloat
from pydantic_settings import CliPositionalArg

from glassbotan import study
from glassbotan.commands import Stage
from glassbotan.dynamics.scattering import fit_relaxation
from glassbotan.dynamics.targets import DynamicalTargets, dynamical_targets
from glassbotan.errors import FileError, StudyError
from glassbotan.files import read_npz, write_csv, write_json, write_npz
from glassbotan.kob_andersen import interactions
from glassbotan.simulate.configurations import Configuration
from glassbotan.simulate.quality import Energies, Quality, beyond, measure
from glassbotan.simulate.trajectories import Moment, read_ensemble
from glassbotan.study import Integrator

Paths = Annotated[tuple[Path, ...], Field(min_length=1)]
TIMES = ("times", "scattering_times")


def read_targets(
    stage: Stage, path: Path, names: Collection[str] | None = None, **settings: Any
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Arrays of a targets file of the stage's study, made with these settings, and its provenance."""
    _, provenance = read_npz(path, ())  # first: a file of another stage has other arrays
    stage.require(path, provenance, stage="targets", **settings)
    arrays, _ = read_npz(path, names)
    return arrays, provenance


def read_all_targets(
    stage: Stage, paths: Sequence[Path], names: Collection[str], **settings: Any
) -> Iterator[tuple[Path, dict[str, np.ndarray], dict[str, Any]]]:
    """These arrays of several targets files, one by one, which must have the same times and ranges."""
    first: tuple[dict[str, np.ndarray], dict[str, Any]] | None = None
    for path in paths:
        arrays, made = read_targets(stage, path, {*names, *TIMES}, **settings)
        first = first or (arrays, made)
        same_times = all(np.array_equal(arrays[name], first[0][name]) for name in TIMES)
        if not same_times or made["settings"]["targets"] != first[1]["settings"]["targets"]:
            raise FileError(
                f"{path} has other times or ranges than {paths[0]}; make all targets of a study with the same settings"
            )
        yield path, arrays, made


class Targets(Stage):
    """Compute what moved: S, E, R, C, D, the overlap and F_s of one configuration, from its ensemble."""

    input: Path = Field(description="the ensemble")
    temperature: PositiveFloat = Field(description="temperature of the state point [epsilon_AA/k_B]")
    targets: study.Targets = study.Targets()

    def cli_cmd(self) -> None:
        provenance = self.provenance(self.input)
        with read_ensemble(self.input) as ensemble:
            made = ensemble.provenance
            self.require(self.input, made, stage="ensemble", temperature=self.temperature)
            integrator = Integrator(**made["settings"]["integrator"])
            initial = ensemble.initial
            steps = integrator.sampling_steps(made["settings"]["times"])
            energies: list[Energies] = []
            ends: list[Configuration] = []

            def moments() -> Iterator[tuple[int, int, NDArray]]:
                for moment in ensemble.moments():
                    energies.append(energies_of(moment, integrator.timestep))
                    if moment.step == steps[-1]:
                        ends.append(replace(initial, positions=initial.positions + moment.displacements))
                    yield moment.replica, moment.step, moment.displacements

            try:
                targets = dynamical_targets(
                    initial.positions,
                    initial.species,
                    initial.box_length,
                    moments(),
                    steps,
                    integrator.timestep,
                    made["settings"]["ensemble"]["replicas"],
                    **self.targets.model_dump(),
                )
            except ValueError as error:
                raise FileError(f"{self.input}: {error}") from None
        equilibration = made["equilibration"]
        quality = measure(initial, ends, energies, (equilibration["time"], equilibration["potential_energy"]))
        record = provenance.finish(configuration=made["settings"]["configuration"], quality=quality._asdict())
        write_npz(self.output, record, **targets_content(initial, targets))


def targets_content(initial: Configuration, targets: DynamicalTargets) -> dict[str, Any]:
    """The arrays of a targets file."""
    return {
        "species": initial.species,
        "positions": initial.positions,
        "box_length": initial.box_length,
        "potential_energy": interactions(initial.positions, initial.species, initial.box_length).energies,
        **vars(targets),
    }


def energies_of(moment: Moment, timestep: float) -> Energies:
    """What a frame of an ensemble logged."""
    log = {name: float(moment.log[name][0]) for name in ("potential_energy", "kinetic_energy", "pressure")}
    return Energies(
        moment.replica,
        moment.step * timestep,
        log["potential_energy"],
        log["kinetic_energy"],
        moment.log["momentum"],
        log["pressure"],
    )


class Judging(Stage):
    """A stage that reads what simulations say about themselves."""

    limits: study.Limits = study.Limits()

    def judged(self, paths: Sequence[Path], **settings: Any) -> Iterator[tuple[dict[str, Any], Quality, list[str]]]:
        """Of each targets file: the record of its making, the quality, and what is beyond the limits."""
        for path in paths:
            _, made = read_targets(self, path, (), **settings)
            quality = Quality(**made["quality"])
            yield made, quality, beyond(quality, made["settings"]["temperature"], self.limits)


class SimulationQuality(Judging):
    """Say of every run whether it is the liquid that was meant: a table, and in words what is beyond the limits."""

    inputs: CliPositionalArg[Paths] = Field(description="targets files of all configurations")

    @property
    def stage(self) -> str:
        return "quality"

    def cli_cmd(self) -> None:
        import pandas as pd

        provenance = self.provenance(*self.inputs)
        rows = []
        for made, quality, off in self.judged(self.inputs):
            temperature = made["settings"]["temperature"]
            for sentence in off:
                print(f"T = {temperature:g}, configuration {made['configuration']}: {sentence}")
            rows.append(
                {
                    "target_temperature": temperature,
                    "configuration": made["configuration"],
                    **quality._asdict(),
                    "within_limits": not off,
                }
            )
        table = pd.DataFrame(rows).sort_values(["target_temperature", "configuration"])
        write_csv(self.output, table, provenance.finish())
        print(f"{self.study}: {table.within_limits.sum()} of {len(table)} runs are within the limits")


class Accept(Judging):
    """Accept the simulations that networks will learn from, or refuse those beyond the limits by name."""

    inputs: CliPositionalArg[Paths] = Field(description="targets files of the configurations that are learnt from")
    temperature: PositiveFloat = Field(description="temperature of the state point [epsilon_AA/k_B]")

    def cli_cmd(self) -> None:
        provenance = self.provenance(*self.inputs)
        judged = self.judged(self.inputs, temperature=self.temperature)
        faults = {made["configuration"]: "; ".join(off) for made, _, off in judged if off}
        sentences = [f"configuration {number}: {fault}" for number, fault in faults.items()]
        print("\n".join(sentences))
        if faults and self.limits.enforce:
            raise StudyError(
                f"{len(faults)} of {len(self.inputs)} simulations at T = {self.temperature:g} are beyond the limits, "
                f"{sentences[0]}; look at tables/simulation_quality.csv, and simulate longer or set limits "
                "(limits.enforce: false learns from them all the same)"
            )
        write_json(self.output, {"faults": faults, "provenance": provenance.finish()})


class Relaxation(Stage):
    """Average F_s(k, t) over the configurations of a state point and fit tau_alpha (table and JSON beside it)."""

    inputs: CliPositionalArg[Paths] = Field(description="targets files of one temperature")
    temperature: PositiveFloat = Field(description="temperature of the state point [epsilon_AA/k_B]")

    def cli_cmd(self) -> None:
        import pandas as pd

        provenance = self.provenance(*self.inputs)
        curves = {}  # of each configuration; the rest of a file is let go, hundreds of them would fill the memory
        for _, arrays, made in read_all_targets(self, self.inputs, ["scattering"], temperature=self.temperature):
            times = arrays["scattering_times"]
            curves[made["configuration"]] = arrays["scattering"]
        try:
            fitted = fit_relaxation(times, np.stack(list(curves.values())))
        except (ValueError, RuntimeError) as error:
            raise StudyError(
                f"F_s at T = {self.temperature:g} cannot be fitted ({error}); sample longer or more times"
            ) from None
        table = pd.concat(
            pd.DataFrame({"configuration": configuration, "time": times, "scattering": curve})
            for configuration, curve in curves.items()
        )
        record = provenance.finish()
        write_csv(self.output, table, record)
        write_json(
            self.output.with_suffix(".json"),
            {"temperature": self.temperature, "n_configurations": len(curves), **fitted._asdict()},
        )


def sampling_time(path: Path, arrays: dict[str, np.ndarray], index: int) -> float:
    """The sampling time of this index, counted from 1, in a targets file."""
    times = arrays["times"]
    if index > len(times):
        raise FileError(f"{path} has {len(times)} sampling times, but number {index} was asked for")
    return float(times[index - 1])
