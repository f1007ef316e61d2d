"""A simulation as a stage: with an engine, checkpoints beside its output, progress messages and a deadline."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glassbotan.checkpoint_folder import checkpoint_folder
from glassbotan.progress import progress
from glassbotan.simulate.checkpoint import SavedLegs
from glassbotan.simulate.configurations import Configuration
from glassbotan.simulate.engines import Engine, engine_record
from glassbotan.stopping import Deadline
from glassbotan.study.simulation import Integrator


@dataclass
class RunningSimulation:
    """A simulation in progress."""

    advance: dict[str, Any]
    """arguments of `glassbotan.simulate.running.advance` that are not physics: checkpoints and progress"""
    engine: Engine
    particle_steps: int
    """particle-steps of the whole simulation"""
    started: float
    done_now: int = 0
    """particle-steps done since the simulation was started or continued"""

    def measured(self) -> dict[str, Any]:
        """The engine and its speed, for the record of how the output was made."""
        engine = self.engine
        return {
            "engine": engine_record(engine),
            "particle_steps": self.particle_steps,
            "particle_steps_before_this_run": self.particle_steps - self.done_now,
            "particle_steps_per_second": round(self.done_now / (time.perf_counter() - self.started)),
        }


@contextmanager
def running_simulation(
    label: str,
    engine: Engine,
    integrator: Integrator,
    systems: Sequence[Configuration],
    steps: int,
    output: Path,
    stamp: Mapping[str, Any],
    deadline: Deadline,
) -> Iterator[RunningSimulation]:
    """Yield what a simulation needs to run; its checkpoints are removed when the block ends without an error.

    Parameters
    ----------
    label : name of the simulation in progress messages
    engine, integrator : engine that runs it, and settings of the integration
    systems, steps : initial configurations of the systems, and number of steps of each
    output, stamp : see `checkpoint_folder`
    deadline : time by which it has to stop
    """
    particle_steps = sum(map(len, systems)) * steps
    # Legs of another engine, or of launches of other systems, cannot be continued.
    own = {"engine": engine.name, "engine_version": engine.version, "systems_per_launch": engine.systems_per_launch}
    with (
        checkpoint_folder(output, {**stamp, **own}) as folder,
        progress(f"{label} with {engine.name}", particle_steps, "particle-steps") as report,
    ):
        running = RunningSimulation({}, engine, particle_steps, time.perf_counter())

        def worked(amount: int) -> None:
            running.done_now += amount
            report(amount)
            deadline.check()

        running.advance = {
            "steps_per_leg": integrator.checkpoint_steps,
            "checkpoints": SavedLegs(folder, systems, deadline),
            "progress": worked,
            "found": report,
        }
        yield running
