"""From nothing to the isoconfigurational ensemble."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import Field, NonNegativeInt, PositiveFloat

from glassbotan import study
from glassbotan.commands import LongStage
from glassbotan.errors import FileError, StudyError
from glassbotan.progress import progress
from glassbotan.provenance import Provenance
from glassbotan.simulate import protocol
from glassbotan.simulate.checkpoint import SavedLegs
from glassbotan.simulate.configurations import Configuration, read_configurations, read_log, write_configurations
from glassbotan.simulate.engines import Engine, load_engine
from glassbotan.simulate.trajectories import write_ensemble
from glassbotan.study import Configurations, Integrator, Liquid
from glassbotan.unfinished import unfinished


class Simulation(LongStage):
    """A stage that runs molecular dynamics."""

    temperature: PositiveFloat = Field(description="target temperature of the state point [epsilon_AA/k_B]")
    integrator: Integrator = Integrator()

    @contextmanager
    def running(
        self, provenance: Provenance, systems: Sequence[Configuration], steps: int
    ) -> Iterator[tuple[Engine, dict[str, Any], Callable[[], dict[str, Any]]]]:
        """An engine, what `advance` needs besides physics, and what the record says of the engine and its speed."""
        engine = load_engine(self.integrator.engine, self.device, self.integrator.systems_per_launch)
        deadline = self.deadline()
        stamp = self.stamp(provenance, engine=engine.name, engine_version=engine.version)
        particle_steps = sum(map(len, systems)) * steps
        started = time.perf_counter()
        now = 0

        def measured() -> dict[str, Any]:
            return {
                "engine": {"name": engine.name, "version": engine.version, "device": engine.device},
                "particle_steps": particle_steps,
                "particle_steps_before_this_run": particle_steps - now,
                "particle_steps_per_second": round(now / (time.perf_counter() - started)),
            }

        with (
            unfinished(self.output, stamp) as folder,
            progress(f"{type(self).__name__} with {engine.name}", particle_steps, "particle-steps") as report,
        ):

            def worked(amount: int) -> None:
                nonlocal now
                now += amount
                report(amount)
                deadline.check()

            running = {
                "steps_per_leg": self.integrator.checkpoint_steps,
                "checkpoints": SavedLegs(folder, systems, deadline),
                "progress": worked,
                "found": report,
            }
            yield engine, running, measured


class BatchStage(Simulation):
    """A stage that takes a batch of configurations one step further in the protocol."""

    def run(
        self,
        numbers: Sequence[int],
        systems: Sequence[Configuration],
        inputs: Sequence[Path],
        start: float,
        stop: float,
        duration: float,
    ) -> None:
        """Nose-Hoover dynamics for `duration`, from temperature `start` to `stop`."""
        provenance = self.provenance(*inputs)
        with self.running(provenance, systems, self.integrator.steps(duration)) as (engine, running, measured):
            configurations, logs = protocol.thermostatted(
                engine, systems, self.integrator, start, stop, duration, **running
            )
            record = provenance.finish(configurations=list(numbers), final_temperature=stop, **measured())
            write_configurations(self.output, configurations, record, logs)

    def go_on(self, path: Path, made_by: str, start: float, duration: float) -> None:
        """From the batch in `path`, which the stage `made_by` made at temperature `start`, to the target's."""
        systems, provenance = read_configurations(path)
        self.require(path, provenance, stage=made_by, temperature=self.temperature, final_temperature=start)
        self.run(provenance["configurations"], systems, [path], start, self.temperature, duration)


class Melt(BatchStage):
    """Melt a batch of configurations: step 1 of the protocol."""

    liquid: Liquid = Liquid()
    melt: study.Melt = study.Melt()
    seed: NonNegativeInt = Field(0, description="root of the random numbers of the simulations")
    configurations: Configurations = Field(description="numbers of the configurations, such as 1-16")

    def cli_cmd(self) -> None:
        hot = self.melt.temperature
        systems = protocol.lattices(self.liquid, hot, self.temperature, self.configurations, seed=self.seed)
        self.run(self.configurations, systems, [], hot, hot, self.melt.time)


class Quench(BatchStage):
    """Cool a molten batch to the target temperature, linearly in time: step 2 of the protocol."""

    input: Path = Field(description="the molten batch")
    melt_temperature: PositiveFloat = Field(5.0, description="temperature of the melt [epsilon_AA/k_B]")
    quench: study.Quench = study.Quench()

    def cli_cmd(self) -> None:
        self.go_on(self.input, "melt", self.melt_temperature, self.quench.time)


class Equilibrate(BatchStage):
    """Hold a quenched batch at the target temperature: step 3 of the protocol."""

    input: Path = Field(description="the quenched batch")
    time: PositiveFloat = Field(description="duration, 40 tau_alpha in the paper [tau]")

    def cli_cmd(self) -> None:
        self.go_on(self.input, "quench", self.temperature, self.time)


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
        frame = batch["configurations"].index(self.configuration)
        initial = configurations[frame]
        log = read_log(self.input, frame)
        equilibration = {name: log[name].tolist() for name in ("time", "potential_energy")}
        starts = protocol.replicas(
            initial, self.temperature, self.ensemble.replicas, seed=self.seed, number=self.configuration
        )
        every_step = self.ensemble.relaxation_steps(sampling_steps)

        def wanted(system: int, step: int) -> bool:
            return step in sampling_steps or system < self.ensemble.relaxation_replicas

        with self.running(provenance, starts, sampling_steps[-1]) as (engine, running, measured):
            samples = protocol.ensemble(engine, starts, self.integrator, every_step, wanted, **running)
            write_ensemble(
                self.output, initial, samples, lambda: provenance.finish(equilibration=equilibration, **measured())
            )
