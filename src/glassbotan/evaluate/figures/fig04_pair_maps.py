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
from glassbotan.study.runs import Run, first_seeds, mapped_times
from glassbotan.study.study import Study


def inputs(study: Study, place: Place) -> Inputs:
    """Predictions of E by one model, at the time nearest to tau_alpha/32 and at the one nearest to tau_alpha.

    It is the network that learns pairs alone (p = 0 in the paper), or else the first model that predicts E, of those
    that are fitted at most of these times.
    """
    point = study.point(place["point"])
    of_pairs = [run for run in first_seeds(study, point) if run.model.fits and "E" in run.model.predicts]
    if not of_pairs:
        raise NotDrawnError(f"has no model at {point.label} that is fitted to pairs")
    wanted = {*mapped_times(point, {time for run in of_pairs for time in run.times})}
    times = {name: {t for run in of_pairs if run.model.name == name for t in run.times} for name in _names(of_pairs)}
    alone = {run.model.name for run in of_pairs if run.model.has_epochs and run.model.predicts == ("E",)}
    chosen = min(times, key=lambda name: (-len(times[name] & wanted), name not in alone))
    of_model = [run for run in of_pairs if run.model.name == chosen]
    indices = sorted(map(point.time_index, mapped_times(point, times[chosen])))
    files = [layout.predictions(run) for run in of_model if {*run.time_indices} & {*indices}]
    return Inputs({"predictions": files}, {"time_indices": indices, "pair_range": study.scores.pair_range})


def _names(runs: list[Run]) -> list[str]:
    return list(dict.fromkeys(run.model.name for run in runs))


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
    "coloured by the pair-distance change E, at the sampling time nearest to τ_α/32 and at the one nearest to τ_α. "
    "Simulation on the left, prediction on the right, with the same colour scale. Orange bonds become longer, purple "
    "ones shorter. ρ in the titles is for the A-A pairs of this slab; ρ in the tables is for whole configurations.",
    inputs=inputs,
    draw=draw,
    places=each_temperature,
    paper="Fig. 4",
)
