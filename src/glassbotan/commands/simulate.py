"""From nothing to the isoconfigurational ensemble."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field, NonNegativeInt, PositiveFloat

from glassbotan import study
from glassbotan.commands import Stage
from glassbotan.errors import FileError, StudyError
from glassbotan.progress import progress
from glassbotan.simulate import protocol
from glassbotan.simulate.configurations import Configuration, read_configurations, write_configurations
from glassbotan.simulate.engines import Engine, Progress, load_engine
from glassbotan.simulate.trajectories import write_ensemble
from glassbotan.study import Configurations, Integrator, Liquid


class Simulation(Stage):
    """A stage that runs molecular dynamics."""

    temperature: PositiveFloat = Field(description="target temperature of the state point [epsilon_AA/k_B]")
    integrator: Integrator = Integrator()

    @staticmethod
    def measured(engine: Engine, particle_steps: int, started: float) -> dict[str, Any]:
        """What the provenance says about the engine and its speed."""
        return {
            "engine": {"name": engine.name, "version": engine.version, "device": engine.device},
            "particle_steps": particle_steps,
            "particle_steps_per_second": round(particle_steps / (time.perf_counter() - started)),
        }


class BatchStage(Simulation):
    """A stage that takes a batch of configurations one step further in the protocol."""

    def run(
        self,
        numbers: Sequence[int],
        particles: int,
        duration: float,
        final_temperature: float,
        inputs: Sequence[Path],
        advance: Callable[[Engine, Progress], list[Configuration]],
    ) -> None:
        """Advance a batch for `duration` and write it."""
        provenance = self.provenance(*inputs)
        engine = load_engine(self.integrator.engine)
        particle_steps = len(numbers) * particles * self.integrator.steps(duration)
        started = time.perf_counter()
        with progress(f"{type(self).__name__} with {engine.name}", particle_steps, "particle-steps") as report:
            configurations = advance(engine, report)
        record = provenance.finish(
            configurations=list(numbers),
            final_temperature=final_temperature,
            **self.measured(engine, particle_steps, started),
        )
        write_configurations(self.output, configurations, record)

    def thermostatted(self, path: Path, made_by: str, start: float, stop: float, duration: float) -> None:
        """Nose-Hoover dynamics from the batch in `path`, which the stage `made_by` made at temperature `start`."""
        systems, provenance = read_configurations(path)
        self.require(path, provenance, stage=made_by, temperature=self.temperature, final_temperature=start)
        self.run(
            provenance["configurations"],
            len(systems[0]),
            duration,
            stop,
            [path],
            lambda engine, report: protocol.thermostatted(
                engine, systems, self.integrator, start, stop, duration, report
            ),
        )


class Melt(BatchStage):
    """Melt a batch of configurations: step 1 of the protocol."""

    liquid: Liquid = Liquid()
    melt: study.Melt = study.Melt()
    seed: NonNegativeInt = Field(0, description="root of the random numbers of the simulations")
    configurations: Configurations = Field(description="numbers of the configurations, such as 1-16")

    def cli_cmd(self) -> None:
        self.run(
            self.configurations,
            self.liquid.particles,
            self.melt.time,
            self.melt.temperature,
            [],
            lambda engine, report: protocol.melt(
                engine,
                self.liquid,
                self.integrator,
                melt_temperature=self.melt.temperature,
                time=self.melt.time,
                seed=self.seed,
                temperature=self.temperature,
                configurations=self.configurations,
                progress=report,
            ),
        )


class Quench(BatchStage):
    """Cool a molten batch to the target temperature, linearly in time: step 2 of the protocol."""

    input: Path = Field(description="the molten batch")
    melt_temperature: PositiveFloat = Field(5.0, description="temperature of the melt [epsilon_AA/k_B]")
    quench: study.Quench = study.Quench()

    def cli_cmd(self) -> None:
        self.thermostatted(self.input, "melt", self.melt_temperature, self.temperature, self.quench.time)


class Equilibrate(BatchStage):
    """Hold a quenched batch at the target temperature: step 3 of the protocol."""

    input: Path = Field(description="the quenched batch")
    time: PositiveFloat = Field(description="duration, 40 tau_alpha in the paper [tau]")

    def cli_cmd(self) -> None:
        self.thermostatted(self.input, "quench", self.temperature, self.temperature, self.time)


class Ensemble(Simulation):
    """Run the isoconfigurational ensemble of one configuration at constant energy: step 4 of the protocol."""

    input: Path = Field(description="the equilibrated batch that holds the configuration")
    configuration: int = Field(ge=1, description="number of the configuration")
    times: tuple[PositiveFloat, ...] = Field(min_length=1, description="sampling times, increasing [tau]")
    ensemble: study.Ensemble = study.Ensemble()
    seed: NonNegativeInt = Field(0, description="root of the random numbers of the simulations")

    def cli_cmd(self) -> None:
        try:
            sampling_steps = self.integrator.sampling_steps(self.times)
        except ValueError as error:
            raise StudyError(f"--times: {error}") from None
        configurations, batch = read_configurations(self.input)
        self.require(self.input, batch, stage="equilibrate", temperature=self.temperature)
        if self.configuration not in batch["configurations"]:
            raise FileError(
                f"{self.input} holds configurations {batch['configurations']}, not {self.configuration}; "
                "name the batch that it is in"
            )
        provenance = self.provenance(self.input)
        initial = configurations[batch["configurations"].index(self.configuration)]
        replicas = self.ensemble.replicas
        starts = protocol.replicas(initial, self.temperature, replicas, seed=self.seed, number=self.configuration)
        every_step = self.ensemble.relaxation_steps(sampling_steps)
        engine = load_engine(self.integrator.engine)
        particle_steps = replicas * len(initial) * sampling_steps[-1]
        started = time.perf_counter()
        with progress(f"Ensemble with {engine.name}", particle_steps, "particle-steps") as report:
            samples = protocol.ensemble(engine, starts, self.integrator, every_step, report)
            kept = (
                sample
                for sample in samples
                if sample.step in sampling_steps or sample.system < self.ensemble.relaxation_replicas
            )
            write_ensemble(
                self.output,
                initial,
                kept,
                lambda: provenance.finish(**self.measured(engine, particle_steps, started)),
            )
