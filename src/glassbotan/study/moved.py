"""Keys in studies for older versions of the program, and the keys that replace them."""

from collections.abc import Sequence

IN_MODELS = (
    "it is a setting of each model of kind botan now, models[].{0} (write it in one model, and `like:` in the others)"
)
PLACES = {
    "network": IN_MODELS.format("network"),
    "training": IN_MODELS.format("training"),
    "pretraining": IN_MODELS.format("pretraining") + "; its epochs, learning_rate ... are in pretraining.training",
    "predict": IN_MODELS.format("prediction"),
    "models.*.motion": "it is models[].particle_target now: S, R, C or D",
    "models.*.epochs": "it is models[].training.epochs now",
    "models.*.batch_size": "it is models[].training.batch_size now",
    "models.*.pretrained": "a model starts from random weights unless it has a section pretraining",
    "models.*.training.target_units": "it is models[].training.target_scaling now",
    "models.*.pretraining.epochs": "it is models[].pretraining.training.epochs now",
    "limits.potential_energy_trend": "the two halves of the equilibration are compared now: limits.energy_change and "
    "limits.relaxation_change",
    "limits.configurational_temperature": "limits.temperature holds for both temperatures now",
    "scores.resamples": "it is no longer needed: confidence intervals use Student's t distribution",
}
"""What to tell the user about each old key; * stands for an index in a list."""
OF_OLD_ABLATIONS = ("model", "temperature", "time", "rounds", "p")
ABLATIONS = (
    "each ablation has a name and varies one setting now, such as ablations.rounds: {model: BOTAN, temperature: 0.64, "
    "time: 1.65, setting: network.rounds, values: [1, 3, 5]}"
)


def new_place(location: Sequence[str | int]) -> str | None:
    """What to tell the user about an old key at this location, or None if there never was one."""
    if len(location) == 2 and location[0] == "ablations" and location[1] in OF_OLD_ABLATIONS:
        return ABLATIONS
    return PLACES.get(".".join("*" if isinstance(part, int) else part for part in location))
