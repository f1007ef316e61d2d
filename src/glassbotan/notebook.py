"""The few functions that a notebook wants; `import glassbotan` has them all."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from numpy.typing import NDArray

from glassbotan.errors import StudyError
from glassbotan.evaluate.predictions import Prediction, read_predictions
from glassbotan.files import read_csv, read_npz
from glassbotan.learn.models import TrainedNetwork, read_model
from glassbotan.learn.prediction import PredictedMotion, predict_configuration
from glassbotan.runs import training_runs
from glassbotan.simulate.configurations import Configuration
from glassbotan.snapshots import configuration_of
from glassbotan.snapshots import read_configuration as _read_configuration
from glassbotan.study import Study
from glassbotan.study_file import read_study


@dataclass(frozen=True)
class OpenStudy:
    """A study's settings, and the files that Snakemake made of it."""

    settings: Study
    folder: Path
    """results/<study>"""

    def targets(self, temperature: float, configuration: int) -> dict[str, NDArray[Any]]:
        """What moved in one configuration, by name (`glassbotan.dynamics.targets` says what each array is).

        Parameters
        ----------
        temperature : of the state point
        configuration : its number

        Returns
        -------
        arrays : `times` (n_t,), `positions` (N, 3), `species` (N,), `box_length`, `pairs` (n_p, 2), `propensity`
            (n_t, N), `pair_distance_change` (n_t, n_p) and more, reduced units

        Raises
        ------
        FileError
            if Snakemake has not made the file yet
        """
        arrays, _ = read_npz(self._of(temperature) / "targets" / f"c{configuration:04d}.npz")
        return arrays

    def network(self, model: str, temperature: float, time: float, seed: int = 0) -> TrainedNetwork:
        """A trained network of the study."""
        return read_model(self._run(model, temperature, time, seed) / "model.pt")

    def predictions(self, model: str, temperature: float, time: float, seed: int = 0) -> list[Prediction]:
        """What a network said of each test configuration, with the truth."""
        predictions, _ = read_predictions(self._run(model, temperature, time, seed) / "predictions.npz")
        return predictions

    def pearson(self) -> pd.DataFrame:
        """The Pearson table, a row for each network, target and time."""
        return read_csv(self.folder / "tables" / "pearson.csv")

    def _of(self, temperature: float) -> Path:
        for point in self.settings.temperatures:
            if point.temperature == temperature:
                return self.folder / point.label
        known = [point.temperature for point in self.settings.temperatures]
        raise StudyError(f"study {self.settings.name} has no temperature {temperature:g}; it has {known}")

    def _run(self, model: str, temperature: float, time: float, seed: int) -> Path:
        for run in training_runs(self.settings):
            if (run.model.name, run.point.temperature, run.time, run.seed) == (model, temperature, time, seed):
                return self.folder / run.folder
        raise StudyError(
            f"study {self.settings.name} has no network {model} at T = {temperature:g}, t = {time:g} with seed {seed}"
        )


def open_study(*files: str | Path, results: str | Path = "results") -> OpenStudy:
    """Open a study.

    Parameters
    ----------
    files : configuration files, later ones overriding earlier ones, as `snakemake --configfile` takes them
    results : folder under which Snakemake wrote

    Raises
    ------
    StudyError
        one sentence that names the file and the key
    """
    settings = read_study(*map(Path, files))
    return OpenStudy(settings, Path(results) / settings.name)


def load_network(path: str | Path) -> TrainedNetwork:
    """A trained network from its file; nothing in the file is executed."""
    return read_model(Path(path))


def read_configuration(path: str | Path, frame: int = -1) -> Configuration:
    """One configuration of a particle file: GSD, LAMMPS dump, extended XYZ; `frame` -1 is the last."""
    return _read_configuration(Path(path), frame)


def predict(
    network: TrainedNetwork,
    configuration: Configuration | tuple[NDArray[Any], NDArray[Any], float],
    average_over_symmetries: bool = True,
) -> PredictedMotion:
    """Predict the motion of every particle and pair from the structure alone.

    Parameters
    ----------
    network : from `load_network`
    configuration : from `read_configuration`; or positions (N, 3), species (N,) with 0 = A and 1 = B, and the edge of
        the cubic box, sigma_AA
    average_over_symmetries : average over the 48 signed axis permutations: better, and 48 times as long

    Returns
    -------
    PredictedMotion
        `motion` (N,), `pairs` (n_p, 2), `pair_distance_change` (n_p,), and for which temperature and time they are
    """
    if not isinstance(configuration, Configuration):
        configuration = configuration_of(*configuration)
    return predict_configuration(network, configuration, average_over_symmetries)
