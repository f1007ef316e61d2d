"""Running many systems on an engine, launch by launch and leg by leg."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise

from numpy.typing import NDArray

from glassbotan.simulate.checkpoint import Checkpoints, Leg, NoCheckpoints
from glassbotan.simulate.configurations import Configuration
from glassbotan.simulate.engines import Dynamics, Engine, Progress, Sample


def advance(
    engine: Engine,
    systems: Sequence[Configuration],
    steps: Sequence[int],
    dynamics: Dynamics,
    *,
    wanted: Callable[[int, int], bool] = lambda system, step: True,
    steps_per_leg: int | None = None,
    checkpoints: Checkpoints | None = None,
    progress: Progress = lambda particle_steps: None,
    found: Progress = lambda particle_steps: None,
) -> Iterator[Sample]:
    """Advance independent systems and yield samples of them at the given steps.

    Parameters
    ----------
    engine : engine that integrates the equations of motion
    systems : initial configuration of each system
    steps : increasing numbers of steps since the start; the run ends at the last
    dynamics : time step, thermostat and neighbour lists
    wanted : whether to sample a system, counted from 0, at a step
    steps_per_leg : steps between checkpoints; by default the run is one leg
    checkpoints : storage of the legs; by default nothing is stored
    progress, found : called with the particle-steps done now, and with those that are read from checkpoints

    Yields
    ------
    Sample
        ordered by launch, then by step, then by system; positions are wrapped

    Raises
    ------
    EngineError
        if a run blows up
    """
    checkpoints = checkpoints or NoCheckpoints()
    last = steps[-1]
    length = steps_per_leg or max(1, last)
    ends = [*range(length, last, length), last]
    legs = list(pairwise((-1, *ends)))  # step 0 belongs to the first leg
    for launch, first in enumerate(range(0, len(systems), engine.systems_per_launch)):
        together = systems[first : first + engine.systems_per_launch]
        particles = sum(map(len, together))
        plan = {  # for each leg, the systems to sample at each of its steps
            end: {
                step: [index for index in range(len(together)) if wanted(first + index, step)]
                for step in steps
                if begin < step <= end
            }
            for begin, end in legs
        }
        sampled = {end: any(leg.values()) for end, leg in plan.items()}
        reached = checkpoints.reached(launch, sampled)
        if 0 < reached < last:
            print(f"glassbotan: launch {launch + 1} continues from step {reached} of {last}", file=sys.stderr)
        state: Mapping[str, NDArray] | None = None
        for begin, end in legs:
            if end <= reached:
                found((end - max(begin, 0)) * particles)
                if not sampled[end] and end < reached:
                    continue
                leg = checkpoints.read(launch, end)
            else:
                leg = _run_leg(engine, together, dynamics._replace(end=last), state, plan[end], end, first, progress)
                checkpoints.write(launch, end, leg)
            yield from leg.samples
            state = leg.state


def _run_leg(
    engine: Engine,
    systems: Sequence[Configuration],
    dynamics: Dynamics,
    state: Mapping[str, NDArray] | None,
    plan: Mapping[int, Sequence[int]],
    end: int,
    first: int,
    progress: Progress,
) -> Leg:
    """Run a leg from `state`, the end of the previous leg, to the step `end`; samples number systems from `first`."""
    samples: list[Sample] = []
    with engine.launch(systems, dynamics, state) as launch:
        for step, indices in plan.items():
            if indices:
                launch.run_until(step, progress)
                samples += (sample._replace(system=first + sample.system) for sample in launch.samples(indices))
        launch.run_until(end, progress)
        return Leg(launch.state(), samples)
