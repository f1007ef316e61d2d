"""A trained network on disk: weights, settings, units and provenance in one file."""

import io
import pickle
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from glassbotan.errors import FileError, TrainingError
from glassbotan.files import written_whole
from glassbotan.learn.network import BOTAN
from glassbotan.learn.units import REDUCED, Units
from glassbotan.study import Network
from glassbotan.unfinished import set_aside

FORMAT = "glassbotan model 3"


@dataclass(frozen=True)
class TrainedNetwork:
    """A network, what it was trained for, and how."""

    weights: dict[str, Tensor]
    network: Network
    units: Units
    """in which it measures S and E"""
    provenance: dict[str, Any]

    def weights_in(self, units: Units) -> dict[str, Tensor]:
        """Weights to start from in other units.

        Networks in units of spread give S and E in units of whatever spread they have; between those and reduced
        units, they would start far off. Pairs are carried over, and particles, of which a network trained on pairs
        alone says nothing yet, begin near zero.
        """
        if (self.units == REDUCED) == (units == REDUCED):
            return self.weights
        scale = self.units.pair_scale / units.pair_scale
        shift = (self.units.pair_mean - units.pair_mean) / units.pair_scale
        weight, bias = (self.weights[f"edge_decoder.last.{name}"] for name in ("weight", "bias"))
        of_particles = self.weights["node_decoder.last.weight"], self.weights["node_decoder.last.bias"]
        return self.weights | {
            "edge_decoder.last.weight": scale * weight,
            "edge_decoder.last.bias": scale * bias + shift,
            "node_decoder.last.weight": 0.05 * of_particles[0],
            "node_decoder.last.bias": 0 * of_particles[1],
        }

    def module(self) -> BOTAN:
        """The network, ready to predict."""
        model = BOTAN(self.network)
        model.load_state_dict(self.weights)
        return model.eval()


def write_model(path: Path, model: TrainedNetwork) -> None:
    """Write a trained network."""
    _save(
        path,
        {
            "format": FORMAT,
            "weights": model.weights,
            "network": model.network.model_dump(),
            "units": asdict(model.units),
            "provenance": model.provenance,
        },
    )


def _save(path: Path, content: dict[str, Any]) -> None:
    in_memory = io.BytesIO()  # so that a full disk is an OSError like any other
    torch.save(content, in_memory)
    with written_whole(path) as beside:
        beside.write_bytes(in_memory.getbuffer())


def read_model(path: Path) -> TrainedNetwork:
    """Read a trained network; nothing in the file is executed."""
    content = _load(path)
    if not isinstance(content, Mapping) or content.get("format") != FORMAT:
        raise FileError(f"{path} is no network of glassbotan ({FORMAT!r} expected); train it again")
    return TrainedNetwork(
        weights=content["weights"],
        network=Network(**content["network"]),
        units=Units(**content["units"]),
        provenance=content["provenance"],
    )


def require_network(path: Path, model: TrainedNetwork, network: Network) -> None:
    """Refuse a network of another shape."""
    if model.network != network:
        raise TrainingError(
            f"{path} has {model.network.rounds} rounds of width {model.network.width}, but {network.rounds} of width "
            f"{network.width} were asked for; train it with these settings or ask for its own"
        )


def _load(path: Path) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise FileError(f"{path} does not exist; train the network first") from None
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise FileError(f"{path} cannot be read as a trained network ({reason}); train it again") from None


def write_checkpoint(folder: Path, epoch: int, state: dict[str, Any]) -> None:
    """Keep the state after an epoch in a folder of unfinished work, and the one before it."""
    _save(folder / f"epoch{epoch:07d}.pt", state)
    for older in sorted(folder.glob("epoch*.pt"))[:-2]:
        older.unlink()


def newest_checkpoint(folder: Path) -> dict[str, Any] | None:
    """The state after the last epoch that was kept; damaged files are set aside with a sentence."""
    for path in sorted(folder.glob("epoch*.pt"), reverse=True):
        try:
            state: dict[str, Any] = _load(path)
            return state
        except FileError as error:
            print(f"glassbotan: {error}; it lies in {set_aside(path)} now", file=sys.stderr)
    return None
