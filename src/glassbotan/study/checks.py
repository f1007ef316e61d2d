"""Checks of settings of a study that have to agree with each other.

Each check raises a ValueError that names the keys, what was found and what was expected.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from pydantic import ValidationError

from glassbotan.errors import StudyError
from glassbotan.structure.states import SHORT, numbers_of
from glassbotan.study.learning import RunSelector

if TYPE_CHECKING:
    from glassbotan.predictors.contract import PredictorSettings, Start
    from glassbotan.study.simulation import StatePoint
    from glassbotan.study.study import Study

ENDINGS = ("_summary", "_differences", "_configurations")
"""Endings of the names of tables that are made beside the table of an ablation."""
FEWEST_IN_HALF = 2
"""Smallest number of configurations of a half sample without validation configurations."""
FEWEST_RELAXATION_TIMES = 6
"""Smallest number of times of F_s(k, t) to which tau_alpha can be fitted: one more than the fit has parameters."""


def ranges_fit_the_box(study: Study) -> None:
    """Check that the ranges of neighbour lists and pairs fit into the box, and that ranges and replicas agree."""
    length, particles = study.liquid.box_length, study.liquid.particles
    buffer, cutoff = study.integrator.neighbor_buffer or 0.0, study.liquid.mixture.largest_cutoff
    if length <= 2 * (cutoff + buffer):
        raise ValueError(
            f"integrator.neighbor_buffer {buffer:g} and the cutoff {cutoff:g} need "
            f"a box longer than twice their sum, but the box of {particles} particles is {length:.3f} long"
        )
    if 2 * study.targets.pair_range > length:
        raise ValueError(
            f"targets.pair_range {study.targets.pair_range:g} needs a box of at least twice that length (minimum "
            f"image), but the box of {particles} particles is {length:.3f} long"
        )
    if study.scores.pair_range > study.targets.pair_range:
        raise ValueError(
            f"scores.pair_range {study.scores.pair_range:g} exceeds targets.pair_range {study.targets.pair_range:g}"
        )
    if study.ensemble.relaxation_replicas > study.ensemble.replicas:
        raise ValueError(
            f"ensemble.relaxation_replicas is {study.ensemble.relaxation_replicas}, but ensemble.replicas is "
            f"{study.ensemble.replicas}; reduce the first"
        )


def times_can_be_sampled(study: Study) -> None:
    """Check that sampling times are steps of the integrator and enough to fit tau_alpha, or that files are named."""
    labels = [point.label for point in study.temperatures]
    if twice := _repeated(labels):
        raise ValueError(f"{twice} is listed twice in temperatures; remove one")
    for point in study.temperatures:
        try:
            steps = point.integrator(study.integrator).sampling_steps(point.sampling_times)
        except ValueError as error:
            raise ValueError(f"at T = {point.temperature:g}: {error}") from None
        if not study.simulates:
            needed = len(steps) if study.source == "botan" else 1
            if len(point.files) != needed or not all("{configuration}" in pattern for pattern in point.files):
                raise ValueError(
                    f"at T = {point.temperature:g}: source {study.source} needs {needed} entries in files, each with "
                    f"{{configuration}} in place of the configuration's number, found {list(point.files)}"
                )
            _further_configurations_are_learnt_from(study, point)
            continue
        if point.further:
            raise ValueError(
                f"at T = {point.temperature:g}: `further` adds to published configurations, but this study simulates; "
                "give the path as `starts`, or remove it"
            )
        if point.starts and (most := max(study.configurations.all)) > (given := len(point.starting_points())):
            raise ValueError(
                f"at T = {point.temperature:g}: starts has {given} configurations, but the study has number {most}"
            )
        times = len(study.ensemble.relaxation_steps(steps))
        if times < FEWEST_RELAXATION_TIMES:
            raise ValueError(
                f"at T = {point.temperature:g}: F_s would be known at {times} times, but the fit of tau_alpha needs "
                f"{FEWEST_RELAXATION_TIMES}; use a longer range of times, or raise "
                "ensemble.relaxation_points_per_decade"
            )


def _further_configurations_are_learnt_from(study: Study, point: StatePoint) -> None:
    found = [number for further in point.further for number in further.configurations]
    if twice := _repeated(list(map(str, found))):
        raise ValueError(f"at T = {point.temperature:g}: `further` names configurations {twice} twice")
    if wrong := sorted({*found} - {*study.configurations.learnt_from}):
        raise ValueError(
            f"at T = {point.temperature:g}: `further` names configurations {wrong}, which are not among those for "
            "training and validation; add them to configurations.train, or remove them"
        )


def models_are_told_apart(study: Study) -> None:
    """Check that models, and the models that they start from, have different names, since folders have these names."""
    names = [model.name for model in study.models]
    if twice := _repeated(names):
        raise ValueError(f"two models are called {twice}; give one of them another name")
    starts: dict[str, tuple[object, ...]] = {}
    for start in (start for model in study.models for start in model.starts):
        if start.settings in study.models:
            continue
        name = start.settings.name
        if name in names:
            raise ValueError(
                f"a model cannot be called {name}: that is the name of the model that "
                "others start from (pretraining.name)"
            )
        if starts.setdefault(name, tuple(start)) != tuple(start):
            raise ValueError(
                f"models start from different models that are all called {name}; give each its own pretraining.name"
            )


def _repeated(names: list[str]) -> str:
    """The names that occur more than once, for a message; empty if there are none."""
    return ", ".join(sorted(name for name, count in Counter(names).items() if count > 1))


def models_can_be_fitted(study: Study) -> None:
    """Check that models are fitted at sampling times, to targets that the source has, from starts that exist."""
    known = {time for point in study.temperatures for time in point.sampling_times}
    for model in study.models:
        for time in () if isinstance(model.times, str) else model.times:
            if time not in known:
                raise ValueError(f"model {model.name} is fitted at t = {time:g}, which is not a sampling time")
    for model in (*study.models, *varied_models(study)):
        if study.source == "glassbench" and set(model.predicts) - {"S"}:
            raise ValueError(
                f"source glassbench has only the propensity S, but model {model.name} predicts "
                f"{', '.join(model.predicts)}; remove that model, or let it predict only S"
            )
        _temperatures_can_be_fitted_together(study, model)
        _stops_on_what_is_held_out(study, model)
        for start in model.starts:
            _start_exists(study, model, start)


def _stops_on_what_is_held_out(study: Study, model: PredictorSettings) -> None:
    stops = model.has_epochs and model.setting("training.patience") is not None
    if stops and not study.configurations.validation:
        raise ValueError(
            f"model {model.name} stops when the loss on the validation configurations does not fall "
            "(training.patience), but there are none; set configurations.validation, or remove training.patience"
        )


def _temperatures_can_be_fitted_together(study: Study, model: PredictorSettings) -> None:
    known = {point.temperature: point for point in study.temperatures}
    if unknown := [temperature for temperature in model.together if temperature not in known]:
        raise ValueError(
            f"model {model.name} is to be trained at T = {', '.join(f'{one:g}' for one in unknown)}, but the "
            f"temperatures of this study are {', '.join(f'{one:g}' for one in known)}; name some of these"
        )
    if model.together and model.times != "all":
        raise ValueError(
            f"model {model.name} is trained at several temperatures together, whose sampling times differ; remove "
            "`times`, so that it is trained for all of them"
        )
    counts = {point.label: len(point.sampling_times) for point in study.temperatures}
    if model.together and len({*counts.values()}) > 1:
        raise ValueError(
            f"model {model.name} is trained at several temperatures together, and its outputs are for the first "
            "sampling time, the second and so on, so that all temperatures need the same number of sampling times, but "
            f"there are {counts}"
        )


def _start_exists(study: Study, model: PredictorSettings, start: Start) -> None:
    if start.temperature is None or start.time is None:
        return
    if start.weights is not None:
        if len(model.seeds) > 1 and "{seed}" not in start.weights:
            raise ValueError(
                f"pretraining.weights names one file for the seeds {sorted(model.seeds)}; put {{seed}} in its name"
            )
        if seen := {*study.configurations.test} & {*start.weights_learnt_from}:
            raise ValueError(
                f"pretraining.weights were trained on configurations {sorted(seen)}; remove them from "
                "configurations.test"
            )
        return
    at = [point for point in study.temperatures if point.temperature == start.temperature]
    if not at or start.time not in at[0].sampling_times:
        raise ValueError(
            f"pretraining of model {model.name} is set at T = {start.temperature:g}, t = {start.time:g}, "
            "which is not a state point and sampling time of this study"
        )


def half_samples_can_be_fitted(study: Study) -> None:
    """Check that there are models to fit to half samples, and different half samples to fit them to."""
    if study.half_samples is None:
        return
    known = [model.name for model in study.models if model.fits_itself]
    if unknown := [name for name in study.half_samples.models if name not in known]:
        raise ValueError(
            f"half_samples.models names {', '.join(unknown)}, but the models of this study that are fitted are "
            f"{', '.join(known)} (averages are not); name some of these"
        )
    everything = len(study.configurations.train)
    if everything // 2 < FEWEST_IN_HALF and not study.configurations.validation:
        raise ValueError(
            f"half_samples has halves of {everything // 2} of {everything} training configurations, which are too few "
            f"to choose parameters without validation configurations; use at least {2 * FEWEST_IN_HALF}, or validation"
        )
    if math.comb(everything, everything // 2) < study.half_samples.number:
        raise ValueError(
            f"half_samples.number is {study.half_samples.number}, but {everything} training configurations have only "
            f"{math.comb(everything, everything // 2)} different halves; use more configurations or fewer half samples"
        )


def comparisons_can_be_made(study: Study) -> None:
    """Check that the study has all that a learning curve, an ablation or a transfer compares."""
    everything = len(study.configurations.train)
    curve = study.learning_curve
    if curve is not None and max(curve.configurations, default=1) > everything:
        raise ValueError(f"learning_curve.configurations exceeds the number of training configurations, {everything}")
    if curve is not None and curve.replicas and study.source == "glassbench":
        raise ValueError("source glassbench has no replicas; leave learning_curve.replicas empty")
    for section, at in _selectors(study):
        if not _is_fitted(study, at):
            raise ValueError(
                f"{section} is set for model {at.model} at T = {at.temperature:g}, t = {at.time:g}, "
                "where this study does not fit that model"
            )
    for name, ablation in study.ablations.items():
        if ending := next((one for one in ENDINGS if name.endswith(one)), None):
            raise ValueError(f"ablations.{name}: the name ends in {ending}, as other tables do; give it another name")
        model = next(model for model in study.models if model.name == ablation.model)
        for value in ablation.values:
            try:
                varied = model.with_setting(ablation.setting, value)
            except ValidationError as error:
                reason = error.errors()[0]["msg"]
                raise ValueError(f"ablations.{name}: {ablation.setting} = {value!r} cannot be set ({reason})") from None
            except StudyError as error:
                raise ValueError(f"ablations.{name}: {ablation.setting} cannot be set ({error})") from None
            if any(start.weights is not None and start not in model.starts for start in varied.starts):
                raise ValueError(
                    f"ablations.{name} needs models to start from that have {ablation.setting} = {value!r}, but "
                    "pretraining.weights names published weights; remove one of the two"
                )


def _selectors(study: Study) -> Iterator[tuple[str, RunSelector]]:
    """Name of each section with a comparison, and each model, temperature and time that it compares."""
    if study.learning_curve is not None:
        yield from (("learning_curve", at) for at in study.learning_curve.selectors)
    for name, ablation in study.ablations.items():
        yield from ((f"ablations.{name}", at) for at in ablation.selectors)
    for place in study.transfer.places if study.transfer else ():
        yield "transfer", place


def _is_fitted(study: Study, at: RunSelector) -> bool:
    """Whether the study fits that model at that temperature and sampling time."""
    there = [point for point in study.temperatures if point.temperature == at.temperature]
    models = [model for model in study.models if model.name == at.model]
    known = bool(there and models) and at.time in there[0].sampling_times
    return known and models[0].fitted_at(at.time)


def varied_models(study: Study) -> Iterator[PredictorSettings]:
    """The models of the ablations, without those whose setting cannot be set."""
    for ablation in study.ablations.values():
        for model in (model for model in study.models if model.name == ablation.model):
            for value in ablation.values:
                try:
                    yield model.with_setting(ablation.setting, value)
                except (StudyError, ValueError):
                    continue  # `comparisons_can_be_made` reports this error


def states_can_be_made(study: Study) -> None:
    """Check that short ensembles end at a step of the integrator, and have enough steps for their frames."""
    for point in study.temperatures:
        integrator = point.integrator(study.integrator)
        for time in numbers_of(SHORT, study.states):
            steps = time / integrator.timestep
            if abs(steps - round(steps)) > 1e-6:
                raise ValueError(
                    f"at T = {point.temperature:g}: a model uses a short ensemble to t = {time:g}, which is not a "
                    f"multiple of the time step {integrator.timestep:g}"
                )
            if round(steps) < study.structure.short.frames:
                raise ValueError(
                    f"at T = {point.temperature:g}: a short ensemble to t = {time:g} has {round(steps)} steps, but "
                    f"structure.short.frames is {study.structure.short.frames}; use fewer frames or a longer time"
                )


ALL: tuple[Callable[[Study], None], ...] = (
    ranges_fit_the_box,
    times_can_be_sampled,
    models_are_told_apart,
    models_can_be_fitted,
    states_can_be_made,
    half_samples_can_be_fitted,
    comparisons_can_be_made,
)
