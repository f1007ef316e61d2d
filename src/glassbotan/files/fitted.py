"""A fitted predictor in one file, `model.safetensors`: its arrays as tensors, everything else as JSON in its header.

Entries of the header, each JSON: `header` (stage, version, study, model, kind, seed), `settings`, `domain`, `details`
(what the kind of predictor adds), `history` (columns), `provenance`. Reading the file executes nothing in it.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from glassbotan.errors import FileError
from glassbotan.files.header import mixture_in, new_header, require_stage
from glassbotan.files.plain import atomic_write, write_csv
from glassbotan.predictors.contract import FittedPredictor
from glassbotan.predictors.domain import Domain
from glassbotan.predictors.registry import kinds


@dataclass(frozen=True)
class FittedFile:
    """A fitted predictor, and the study, model and seed that it belongs to."""

    study: str
    model: str
    """name of the model in the study"""
    seed: int
    predictor: FittedPredictor

    def with_prediction(self, prediction: Mapping[str, Any]) -> "FittedFile":
        """The same predictor with other settings of the prediction; see `FittedPredictor.with_prediction`."""
        return replace(self, predictor=self.predictor.with_prediction(prediction))


def write_fitted(path: Path, fitted: FittedFile, provenance: Mapping[str, Any]) -> None:
    """Write a fitted predictor."""
    from safetensors.numpy import save

    predictor = fitted.predictor
    kind = predictor.settings.kind
    entries = {
        "header": new_header("fit", fitted.study, model=fitted.model, kind=kind, seed=fitted.seed),
        "settings": predictor.settings.model_dump(mode="json"),
        "domain": asdict(predictor.domain),
        "details": predictor.details(),
        "history": {name: list(values) for name, values in predictor.history.items()},
        "provenance": dict(provenance),
    }
    tensors = {name: np.require(values, requirements="C") for name, values in predictor.tensors().items()}
    content = save(tensors, metadata={name: json.dumps(entry) for name, entry in entries.items()})
    with atomic_write(path) as beside:
        beside.write_bytes(content)


def write_history(path: Path, predictor: FittedPredictor, provenance: Mapping[str, Any]) -> None:
    """Write the history of the fit as a table, which has no rows for a predictor that needs no fit."""
    import pandas as pd

    write_csv(path, pd.DataFrame(dict(predictor.history) or {"epoch": []}), provenance)


def read_fitted(path: Path) -> FittedFile:
    """Read a fitted predictor that was made by this version of the stage `fit`.

    Raises
    ------
    FileError
        if the file is missing, damaged, of another version, or of a kind of predictor that is not installed
    """
    entries, tensors = _read(path)
    header = entries["header"]
    require_stage(path, header, "fit")
    if header["kind"] not in kinds():
        raise FileError(
            f"{path} is a predictor of kind {header['kind']!r}, which is not installed; "
            f"the installed kinds are {', '.join(kinds())}"
        )
    module = kinds()[header["kind"]]
    facts = {name: _tupled(value) for name, value in entries["domain"].items() if name != "mixture"}
    domain = Domain(**facts, mixture=mixture_in(entries["domain"]))
    try:
        settings = module.Settings.model_validate(entries["settings"])
        predictor = module.Fitted.restore(settings, domain, tensors, entries["details"])
    except (KeyError, ValueError) as error:
        reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error
        raise FileError(
            f"{path} cannot be used by this glassbotan's predictor of kind {header['kind']} ({reason}); fit it again"
        ) from None
    predictor.history = entries["history"]
    return FittedFile(header["study"], header["model"], header["seed"], predictor)


def read_fitted_provenance(path: Path) -> dict[str, Any]:
    """The record of how a fitted predictor was made."""
    entries, _ = _read(path)
    provenance: dict[str, Any] = entries["provenance"]
    return provenance


def _read(path: Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            if "header" not in metadata:
                raise FileError(f"{path} is not a predictor of glassbotan: it has no header; fit it again")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 it is not a dictionary
            return {name: json.loads(entry) for name, entry in metadata.items()}, tensors
    except FileNotFoundError:
        raise FileError(f"{path} does not exist; fit the predictor first") from None
    except (OSError, ValueError, SafetensorError) as error:
        raise FileError(
            f"{path} cannot be read as a fitted predictor ({error}); a model.safetensors was expected: fit it again"
        ) from None


def _tupled(value: Any) -> Any:
    """The value, with lists turned into tuples: JSON has lists where a `Domain` has tuples."""
    return tuple(map(_tupled, value)) if isinstance(value, list) else value
