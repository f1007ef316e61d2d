"""Functions for notebooks; `import glassbotan` provides all of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from glassbotan import layout
from glassbotan.errors import StudyError
from glassbotan.evaluate.figures.contract import FigureFiles
from glassbotan.evaluate.figures.registry import drawn_in, figure_named
from glassbotan.files.fitted import read_fitted
from glassbotan.files.plain import read_csv
from glassbotan.files.predictions import Prediction, read_predictions
from glassbotan.files.snapshots import configuration_of
from glassbotan.files.snapshots import read_configuration as _read_configuration
from glassbotan.files.targets import Targets, read_targets
from glassbotan.predictors.application import PredictedTargets, predict_configuration
from glassbotan.predictors.contract import FittedPredictor
from glassbotan.simulate.configurations import Configuration
from glassbotan.study.reading import read_study
from glassbotan.study.runs import Run, runs_of
from glassbotan.study.study import Study


@dataclass(frozen=True)
class OpenStudy:
    """The settings of a study, and access to the files that Snakemake has made for it."""

    settings: Study
    folder: Path
    """folder of the study's files, results/<study>"""

    def targets(self, temperature: float, configuration: int) -> Targets:
        """The targets of one configuration at all sampling times.

        Parameters
        ----------
        temperature : temperature of the state point, epsilon_AA / k_B
        configuration : number of the configuration

        Returns
        -------
        Targets
            the sampling times `times` (n_t,), the static structure `structure()`, and each target by its symbol, such
            as `means["S"]` (n_t, N) or `means["E"]` (n_t, n_p), in reduced units

        Raises
        ------
        FileError
            if Snakemake has not made the file yet
        StudyError
            if the study has no such temperature
        """
        for point in self.settings.temperatures:
            if point.temperature == temperature:
                (path,) = layout.targets(point.label, [configuration])
                return read_targets(self.folder / path)
        known = [point.temperature for point in self.settings.temperatures]
        raise StudyError(f"study {self.settings.name} has no temperature {temperature:g}; its temperatures are {known}")

    def predictor(self, model: str, temperature: float, time: float, seed: int = 0) -> FittedPredictor:
        """The fitted predictor of a model of the study at one temperature and sampling time."""
        return read_fitted(self.folder / layout.fitted(self._run(model, temperature, time, seed))).predictor

    def predictions(self, model: str, temperature: float, time: float, seed: int = 0) -> Sequence[Prediction]:
        """Predicted and simulated targets of each test configuration at one sampling time."""
        run = self._run(model, temperature, time, seed)
        found = read_predictions(self.folder / layout.predictions(run))
        return found.at(run.point.time_index(time))

    def pearson(self) -> pd.DataFrame:
        """The table of Pearson coefficients, with one row for each predictor, target and sampling time."""
        return read_csv(self.folder / layout.SCORES)

    @property
    def figures(self) -> list[str]:
        """Names of the figures that Snakemake always draws for this study."""
        return drawn_in(self.settings)

    def draw(self, figure: str) -> Figure:
        """Draw one of the figures from the files that Snakemake has made.

        Raises
        ------
        StudyError
            if the study has no figure with that name
        FileError
            if a file that it is drawn from does not exist
        """
        kind, inputs = figure_named(self.settings, figure)
        paths = {role: [self.folder / file for file in files] for role, files in inputs.files.items()}
        return kind.draw(FigureFiles(self.settings.name, paths, inputs.settings)).figure

    def _run(self, model: str, temperature: float, time: float, seed: int) -> Run:
        for run in runs_of(self.settings):
            if (run.model.name, run.point.temperature, run.seed) == (model, temperature, seed) and time in run.times:
                return run
        raise StudyError(
            f"study {self.settings.name} has no model {model} at T = {temperature:g}, t = {time:g} with seed {seed}"
        )


def open_study(file: str | Path, results: str | Path = "results") -> OpenStudy:
    """Read the settings of a study, and give access to its files.

    Parameters
    ----------
    file : YAML file of the study, such as config.yaml
    results : folder in which Snakemake has made the folder of the study

    Raises
    ------
    StudyError
        if the file is wrong; the message names the file, the key, what was found and what was expected
    """
    settings = read_study(Path(file))
    return OpenStudy(settings, Path(results) / settings.name)


def load_predictor(path: str | Path) -> FittedPredictor:
    """The fitted predictor in a file; no code in the file is executed."""
    return read_fitted(Path(path)).predictor


def read_configuration(path: str | Path, frame: int = -1) -> Configuration:
    """One configuration from a particle file (GSD, LAMMPS dump or extended XYZ); `frame` -1 is the last frame."""
    return _read_configuration(Path(path), frame)


def predict(
    predictor: FittedPredictor,
    configuration: Configuration | tuple[NDArray[Any], NDArray[Any], float],
    temperature: float | None = None,
) -> PredictedTargets:
    """Predict how much every particle and pair will move, from the structure alone.

    Parameters
    ----------
    predictor : from `load_predictor`
    configuration : from `read_configuration`; or a tuple of positions (N, 3), species (N,) with 0 = A and 1 = B, and
        the edge of the cubic box, in sigma_AA
    temperature : temperature of the configuration, epsilon_AA / k_B; needed if the predictor was fitted at several

    Returns
    -------
    PredictedTargets
        `target("S")` (N,), `target("E")` (n_p,) with `pairs` (n_p, 2), and their sampling times `times`
    """
    if not isinstance(configuration, Configuration):
        configuration = configuration_of(*configuration)
    return predict_configuration(predictor, configuration, temperature=temperature)
