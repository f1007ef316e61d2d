"""The stages that simulate: melt, quench, equilibration and isoconfigurational ensemble."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from numpy.typing import NDArray
from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt
from pydantic_settings import CliPositionalArg

from glassbotan.commands import LongStage, Paths, Stage
from glassbotan.errors import FileError, StudyError
from glassbotan.files.configurations import ConfigurationBatch, read_batch, write_batch
from glassbotan.files.ensembles import EnsembleHeader, write_ensembles
from glassbotan.files.header import require
from glassbotan.provenance import Provenance
from glassbotan.simulate import protocol
from glassbotan.simulate.configurations import Configuration
from glassbotan.simulate.engines import load_engine
from glassbotan.simulate.stage import RunningSimulation, running_simulation
from glassbotan.study import simulation as settings
from glassbotan.study.section import Configurations

EQUILIBRATION = ("time", "potential_energy", "scattering_time", "scattering_first", "scattering_second")
"""What is measured in the equilibration and kept with an ensemble, to judge whether the liquid was in equilibrium."""


class Simulation(LongStage):
    """A stage that runs molecular dynamics."""

    temperature: PositiveFloat = Field(description="target temperature of the state point [epsilon_AA/k_B]")
    integrator: settings.Integrator = settings.Integrator()
    threads: PositiveInt = Field(1, description="CPU cores to use; the engine fused runs one system on each")

    def running(
        self, provenance: Provenance, systems: Sequence[Configuration], steps: int
    ) -> AbstractContextManager[RunningSimulation]:
        """Context manager that yields the running simulation; its checkpoints lie beside the output."""
        engine = load_engine(
            self.integrator.engine,
            self.device,
            self.integrator.systems_per_launch,
            self.threads,
            max(map(len, systems)),
        )
        return running_simulation(
            type(self).__name__,
            engine,
            self.integrator,
            systems,
            steps,
            self.output,
            self.stamp(provenance),
            self.deadline(),
        )


class BatchStage(Simulation):
    """A stage that carries out one step of the protocol for a batch of configurations."""

    def run(
        self,
        numbers: Sequence[int],
        systems: Sequence[Configuration],
        inputs: Sequence[Path],
        start: float,
        stop: float,
        duration: float,
    ) -> None:
        """Run Nose-Hoover dynamics for `duration` from temperature `start` to `stop`, and write the batch."""
        provenance = self.provenance(*inputs)
        with self.running(provenance, systems, self.integrator.steps(duration)) as running:
            configurations, logs = protocol.thermostatted(
                running.engine, systems, self.integrator, start, stop, duration, **running.advance
            )
            batch = ConfigurationBatch(
                self.study, self.stage, self.temperature, stop, tuple(numbers), configurations, logs
            )
            write_batch(self.output, batch, provenance.finish(**running.measured()))

    def go_on(self, path: Path, made_by: str, start: float, duration: float) -> None:
        """Run the batch in `path`, made by the stage `made_by`, from temperature `start` to the target temperature."""
        batch = read_batch(path, made_by)
        require(path, batch, study=self.study, temperature=self.temperature, final_temperature=start)
        self.run(batch.numbers, batch.configurations, [path], start, self.temperature, duration)


class Melt(BatchStage):
    """Melt a batch of configurations: step 1 of the protocol."""

    liquid: settings.Liquid = settings.Liquid()
    melt: settings.Melt = settings.Melt()
    seed: NonNegativeInt = Field(0, description="seed from which all random numbers of the simulations are derived")
    configurations: Configurations = Field(description="numbers of the configurations, such as 1-16")

    def cli_cmd(self) -> None:
        hot = self.melt.temperature
        systems = protocol.lattices(self.liquid, hot, self.temperature, self.configurations, seed=self.seed)
        self.run(self.configurations, systems, [], hot, hot, self.melt.time)


class Quench(BatchStage):
    """Cool a molten batch to the target temperature, linearly in time: step 2 of the protocol."""

    input: Path = Field(description="the molten batch")
    melt_temperature: PositiveFloat = Field(5.0, description="temperature of the melt [epsilon_AA/k_B]")
    quench: settings.Quench = settings.Quench()

    def cli_cmd(self) -> None:
        self.go_on(self.input, "melt", self.melt_temperature, self.quench.time)


class Equilibrate(BatchStage):
    """Hold a quenched batch at the target temperature: step 3 of the protocol."""

    input: Path = Field(description="the quenched batch")
    time: PositiveFloat = Field(description="duration, 40 tau_alpha in the paper [tau]")

    def cli_cmd(self) -> None:
        self.go_on(self.input, "quench", self.temperature, self.time)


class Ensemble(Simulation):
    """Run the isoconfigurational ensembles of configurations, by default at constant energy: step 4 of the protocol.

    The output is a folder with a file c0001.gsd for each configuration.
    """

    inputs: CliPositionalArg[Paths] = Field(description="the batches that contain the configurations")
    configurations: Configurations = Field(description="numbers of the configurations, such as 1-4")
    times: tuple[PositiveFloat, ...] = Field(min_length=1, description="sampling times, increasing [tau]")
    ensemble: settings.Ensemble = settings.Ensemble()
    seed: NonNegativeInt = Field(0, description="seed from which all random numbers of the simulations are derived")

    def cli_cmd(self) -> None:
        try:
            sampling_steps = self.integrator.sampling_steps(self.times)
        except ValueError as error:
            raise StudyError(f"--times: {error}") from None
        provenance = self.provenance(*self.inputs)
        ensembles = [self._ensemble(number, *found) for number, found in self._initial().items()]
        count = self.ensemble.replicas
        starts = [
            replica
            for header, initial in ensembles
            for replica in protocol.replicas(
                initial, self.temperature, count, seed=self.seed, number=header.configuration
            )
        ]

        def wanted(system: int, step: int) -> bool:
            return step in sampling_steps or system % count < self.ensemble.relaxation_replicas

        with self.running(provenance, starts, sampling_steps[-1]) as running:
            every_step = self.ensemble.relaxation_steps(sampling_steps)
            kept_at = self.temperature if self.ensemble.dynamics == "NVT" else None
            samples = protocol.ensemble(
                running.engine, starts, self.integrator, every_step, wanted, kept_at, **running.advance
            )
            write_ensembles(self.output, ensembles, samples, lambda: provenance.finish(**running.measured()))

    def _initial(self) -> dict[int, tuple[Configuration, Mapping[str, NDArray]]]:
        """Each configuration, by its number, and what was measured during its equilibration."""
        held: dict[int, tuple[Configuration, Mapping[str, NDArray]]] = {}
        for path in self.inputs:
            batch = read_batch(path, "equilibrate", "starts")
            require(path, batch, study=self.study, temperature=self.temperature)
            held |= dict(zip(batch.numbers, zip(batch.configurations, batch.logs, strict=True), strict=True))
        if missing := [number for number in self.configurations if number not in held]:
            raise FileError(
                f"{', '.join(map(str, self.inputs))}: the configurations in it are {sorted(held)}, not {missing}; "
                "name the batches that contain them"
            )
        return {number: held[number] for number in self.configurations}

    def _ensemble(
        self, number: int, initial: Configuration, log: Mapping[str, NDArray]
    ) -> tuple[EnsembleHeader, Configuration]:
        header = EnsembleHeader(
            study=self.study,
            temperature=self.temperature,
            configuration=number,
            times=self.times,
            timestep=self.integrator.timestep,
            replicas=self.ensemble.replicas,
            dynamics=self.ensemble.dynamics,
            equilibration={name: log[name].tolist() for name in EQUILIBRATION if name in log},
        )
        return header, initial


class Starts(Stage):
    """Take configurations from published or other files, for ensembles to start from."""

    files: CliPositionalArg[tuple[str, ...]] = Field(
        min_length=1,
        description="a file for each configuration; #3 after its path stands for the last positions of replica 3 of a "
        "published ensemble, or for frame 3 of a trajectory",
    )
    temperature: PositiveFloat = Field(description="temperature of the state point [epsilon_AA/k_B]")
    configurations: Configurations = Field(description="numbers that the configurations get, such as 1-16")
    liquid: settings.Liquid = settings.Liquid()

    def cli_cmd(self) -> None:
        from glassbotan.published.starts import read_start

        if len(self.files) != len(self.configurations):
            raise StudyError(f"{len(self.files)} files were given for {len(self.configurations)} configurations")
        paths = [
            (Path(path), int(frame) if frame else None) for path, _, frame in (f.partition("#") for f in self.files)
        ]
        provenance = self.provenance(*sorted({path for path, _ in paths}))
        batch = ConfigurationBatch(
            self.study,
            self.stage,
            self.temperature,
            self.temperature,
            self.configurations,
            [read_start(path, frame, self.liquid) for path, frame in paths],
            [{} for _ in paths],
        )
        write_batch(self.output, batch, provenance.finish())
