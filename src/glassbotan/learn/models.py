"""A trained network on disk: weights, settings, normalisation and provenance in one file."""

import pickle
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from glassbotan.errors import FileError, TrainingError
from glassbotan.files import written_whole
from glassbotan.learn.graphs import Normalisation
from glassbotan.learn.network import BOTAN
from glassbotan.study import Network

FORMAT = "glassbotan model 1"


@dataclass(frozen=True)
class TrainedNetwork:
    """A network, what it was trained for, and how."""

    weights: dict[str, Tensor]
    network: Network
    normalisation: Normalisation
    provenance: dict[str, Any]

    def module(self) -> BOTAN:
        """The network, ready to predict."""
        model = BOTAN(self.network)
        model.load_state_dict(self.weights)
        return model.eval()


def write_model(path: Path, model: TrainedNetwork) -> None:
    """Write a trained network."""
    with written_whole(path) as beside:
        torch.save(
            {
                "format": FORMAT,
                "weights": model.weights,
                "network": model.network.model_dump(),
                "normalisation": asdict(model.normalisation),
                "provenance": model.provenance,
            },
            beside,
        )


def read_model(path: Path) -> TrainedNetwork:
    """Read a trained network; nothing in the file is executed."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise FileError(f"{path} does not exist; train the network first") from None
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise FileError(f"{path} cannot be read as a trained network ({reason}); train it again") from None
    if not isinstance(content, Mapping) or content.get("format") != FORMAT:
        raise FileError(f"{path} is no network of glassbotan ({FORMAT!r} expected); train it again")
    return TrainedNetwork(
        weights=content["weights"],
        network=Network(**content["network"]),
        normalisation=Normalisation(**content["normalisation"]),
        provenance=content["provenance"],
    )


def require_network(path: Path, model: TrainedNetwork, network: Network) -> None:
    """Refuse a network of another shape."""
    if model.network != network:
        raise TrainingError(
            f"{path} has {model.network.rounds} rounds of width {model.network.width}, but {network.rounds} of width "
            f"{network.width} were asked for; train it with these settings or ask for its own"
        )
