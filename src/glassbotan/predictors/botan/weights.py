"""Reading the weights of the published network into a network of ours.

The release of Shiba et al. (J. Chem. Phys. 158, 084503) stores state dictionaries of a network of seven rounds and
width 64 with one decoder for particles and pairs. Our network has a decoder for each; both get the published weights.
"""

import pickle
from pathlib import Path

import torch
from torch import Tensor

from glassbotan.errors import FileError
from glassbotan.predictors.botan import PUBLISHED, Settings
from glassbotan.predictors.botan.fitting import Fitted, reduced
from glassbotan.predictors.botan.network import BOTAN
from glassbotan.predictors.domain import Domain

_LAYERS = {
    "node_encoder.first": "node_encoder.fc1",
    "node_encoder.second": "node_encoder.fc2",
    "edge_encoder.first": "edge_encoder.fc1",
    "edge_encoder.second": "edge_encoder.fc2",
    "edge_update.first": "network.edge_model.mlp.fc1",
    "edge_update.second": "network.edge_model.mlp.fc2",
    "node_update.first": "network.node_model.mlp.fc1",
    "node_update.second": "network.node_model.mlp.fc2",
    **{
        f"{ours}_decoder.{layer}": f"decoder.{theirs}"
        for ours in ("node", "edge")
        for layer, theirs in (("perceptron.first", "fc1"), ("perceptron.second", "fc2"), ("last", "fc3"))
    },
}
"""Name of each of our layers in the published state dictionary."""


def published_predictor(path: Path, settings: Settings, domain: Domain) -> Fitted:
    """A predictor with published weights, which predict S and E in reduced units.

    Parameters
    ----------
    path : state dictionary of the published network
    settings : settings with which the weights were trained
    domain : what the weights were trained on, as far as it is known

    Raises
    ------
    FileError
        if another shape is asked for than the published one, or for the reasons given in `read_weights`
    """
    asked, published = settings.network, PUBLISHED.network
    if asked != published:
        raise FileError(
            f"{path}: published networks have {published.rounds} rounds of width {published.width}, but "
            f"{asked.rounds} of width {asked.width} were asked for; set network.rounds and network.width to the "
            "published values"
        )
    return Fitted(settings, domain, read_weights(path), reduced())


def read_weights(path: Path) -> dict[str, Tensor]:
    """The state dictionary of our network, read from a published file; no code in the file is executed.

    Raises
    ------
    FileError
        if the file is missing or is not a state dictionary, its architecture is not the published one, or a weight is
        not finite
    """
    try:
        theirs = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise FileError(f"{path} does not exist") from None
    except (OSError, RuntimeError, EOFError, ValueError, KeyError, pickle.UnpicklingError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise FileError(
            f"{path} cannot be read as weights alone ({reason}); a state dictionary that PyTorch saved is expected"
        ) from None
    if not isinstance(theirs, dict) or not all(isinstance(value, Tensor) for value in theirs.values()):
        raise FileError(f"{path} does not hold a state dictionary, that is, a mapping from names to tensors")
    expected = {
        f"{_LAYERS[name.rsplit('.', 1)[0]]}.{name.rsplit('.', 1)[1]}": (name, tuple(value.shape))
        for name, value in reversed(BOTAN(PUBLISHED.network).state_dict().items())
    }
    for name in sorted({*expected, *theirs}):
        found = tuple(theirs[name].shape) if name in theirs else "none (it is missing)"
        wanted = expected[name][1] if name in expected else "nothing"
        if found != wanted:
            raise FileError(
                f"{path} is another network: {name} has shape {found}, but {wanted} was expected for a network with "
                f"{PUBLISHED.network.rounds} rounds of width {PUBLISHED.network.width}"
            )
    for name, value in theirs.items():
        if not torch.isfinite(value).all():
            raise FileError(f"{path}: {name} holds a value that is not finite; the file is damaged")
    return {
        name: theirs[f"{_LAYERS[layer]}.{kind}"].to(torch.float32)
        for name in BOTAN(PUBLISHED.network).state_dict()
        for layer, kind in [name.rsplit(".", 1)]
    }
