"""The pair-distance change on the bonds of a slab, truth beside prediction (Fig. 4)."""

from glassbotan import layout
from glassbotan.evaluate.figures.contract import (
    MOVES,
    Drawing,
    Figure,
    FigureFiles,
    Inputs,
    NotDrawnError,
    Place,
    each_temperature,
)
from glassbotan.evaluate.figures.truth_beside_prediction import draw_maps
from glassbotan.study.runs import first_seeds, nearest_relaxation
from glassbotan.study.study import Study


def inputs(study: Study, place: Place) -> Inputs:
    """Predictions of the first model that is fitted to E, at its first time and at the one nearest to tau_alpha."""
    point = study.point(place["point"])
    of_pairs = [run for run in first_seeds(study, point) if run.model.fits and "E" in run.model.predicts]
    of_model = [run for run in of_pairs if run.model == of_pairs[0].model]
    if not of_model:
        raise NotDrawnError(f"has no model at {point.label} that is fitted to pairs")
    times = [time for run in of_model for time in run.times]
    indices = sorted({point.time_index(time) for time in (times[0], nearest_relaxation(point, times))})
    files = [layout.predictions(run) for run in of_model if {*run.time_indices} & {*indices}]
    return Inputs({"predictions": files}, {"time_indices": indices, "pair_range": study.scores.pair_range})


def draw(files: FigureFiles) -> Drawing:
    """Maps of E, a row for each time."""
    shown = [
        (predictions, index, "E")
        for index in files.settings["time_indices"]
        for predictions in files.predictions()
        if index in predictions.time_indices
    ]
    return draw_maps(shown, files.settings["pair_range"])


FIGURE = Figure(
    name="fig04_pair_maps_{point}",
    section=MOVES,
    title="Maps of E",
    caption="Bonds (pairs of any species nearer than scores.pair_range) in a slab of the first test configuration, "
    "coloured by the pair-distance change E, at the first sampling time and at the one nearest to τ_α. Simulation on "
    "the left, prediction on the right, with the same colour scale. Orange bonds become longer, purple ones shorter. "
    "ρ in the titles is for the A-A pairs of this slab; ρ in the tables is for whole configurations.",
    inputs=inputs,
    draw=draw,
    places=each_temperature,
    paper="Fig. 4",
)
