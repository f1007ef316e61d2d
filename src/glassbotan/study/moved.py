"""Keys of studies that were written for an older version, and where their settings are now."""

from collections.abc import Sequence

IN_MODELS = (
    "it is a setting of each model of kind botan now, models[].{0} (write it in one model and `like:` in others)"
)
PLACES = {
    "network": IN_MODELS.format("network"),
    "training": IN_MODELS.format("training"),
    "pretraining": IN_MODELS.format("pretraining") + "; its epochs, learning_rate ... are in pretraining.training",
    "predict": IN_MODELS.format("prediction"),
    "models.*.motion": "it is models[].particle_target now: S, R, C or D",
    "models.*.epochs": "it is models[].training.epochs now",
    "models.*.batch_size": "it is models[].training.batch_size now",
    "models.*.pretrained": "a model starts at random unless it has a section pretraining",
    "models.*.training.target_units": "it is models[].training.target_scaling now",
    "models.*.pretraining.epochs": "it is models[].pretraining.training.epochs now",
    "scores.resamples": "it is no longer needed: intervals are Student's",
}
"""By the key, in which * stands for a number in a list."""
OF_OLD_ABLATIONS = ("model", "temperature", "time", "rounds", "p")
ABLATIONS = (
    "each ablation has a name and varies one setting now, such as ablations.rounds: {model: BOTAN, temperature: 0.64, "
    "time: 1.65, setting: network.rounds, values: [1, 3, 5]}"
)


def new_place(location: Sequence[str | int]) -> str | None:
    """Where the setting at a location is now, or nothing if it never existed there."""
    if len(location) == 2 and location[0] == "ablations" and location[1] in OF_OLD_ABLATIONS:
        return ABLATIONS
    return PLACES.get(".".join("*" if isinstance(part, int) else part for part in location))
