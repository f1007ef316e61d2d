"""Maps of every target that one predictor predicts at one time, in a slab, truth beside prediction."""

from collections.abc import Iterable, Iterator

from glassbotan import layout
from glassbotan.evaluate.figures.contract import MOVES, Drawing, Figure, FigureFiles, Inputs, Place
from glassbotan.evaluate.figures.truth_beside_prediction import draw_maps
from glassbotan.study.runs import Run, every_run
from glassbotan.study.study import Study


def _predicted(study: Study) -> Iterator[tuple[Place, Run, int]]:
    """Every fit of the study at every time that it predicts."""
    for run in every_run(study).values():
        for index in run.time_indices:
            model = run.model.name + run.variant
            yield (
                {"point": run.point.label, "time": f"t{index:02d}", "model": model, "seed": f"seed{run.seed}"},
                run,
                index,
            )


def places(study: Study) -> Iterable[Place]:
    """A map for each fit of the study and each time that it predicts."""
    return [place for place, _, _ in _predicted(study)]


def inputs(study: Study, place: Place) -> Inputs:
    """The predictions of the fit."""
    run, index = next((run, index) for one, run, index in _predicted(study) if one == place)
    settings = {"time_index": index, "pair_range": study.scores.pair_range}
    return Inputs({"predictions": [layout.predictions(run)]}, settings)


def draw(files: FigureFiles) -> Drawing:
    """Maps, a row for each target, those of pairs first."""
    predictions = files.predictions()[0]
    shown = [(predictions, files.settings["time_index"], symbol) for symbol in reversed(predictions.symbols)]
    return draw_maps(shown, files.settings["pair_range"])


FIGURE = Figure(
    name="map_{point}_{time}_{model}_{seed}",
    section=MOVES,
    title="Map",
    caption="Every target that one predictor predicts, in a slab of the first test configuration. Simulation on the "
    "left, prediction beside it, with the same colour scale, and for an average of several predictors its uncertainty, "
    "the standard deviation between them. ρ in the titles is for this slab only.",
    inputs=inputs,
    draw=draw,
    places=places,
    on_request=True,
    in_report=False,
)
