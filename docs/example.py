"""A study from Python: read its targets, score its network, and predict a configuration given as arrays.

Run it in the repository's folder, in the activated environment (`source .venv/bin/activate`), after `make quickstart`.
A study laid over another opens as glassbotan.open_study("config.yaml", "mine.yaml").

    python docs/example.py
"""

import numpy as np

import glassbotan

study = glassbotan.open_study("config.yaml")
point = study.settings.temperatures[0]
test = study.settings.configurations.test[0]
model = study.settings.models[0].name
time = point.sampling_times[1]

# What moved in one test configuration.
targets = study.targets(point.temperature, configuration=test)
of_a = targets["species"] == 0
propensity = targets["propensity"][1]
print(f"T = {point.temperature}, t = {time}: mean propensity of A particles {propensity[of_a].mean():.3f}")

# What the network says of the same configuration, given as arrays.
network = study.network(model, point.temperature, time)
predicted = glassbotan.predict(network, (targets["positions"], targets["species"], float(targets["box_length"])))
rho = np.corrcoef(predicted.motion[of_a], propensity[of_a])[0, 1]
print(f"{model} on configuration {test}: rho = {rho:.2f} over {of_a.sum()} particles, {len(predicted.pairs)} pairs")

# Pearson coefficients, mean over the sampling times; study.pearson() has them all.
print(study.pearson().groupby(["model", "target"]).pearson.mean().round(2).to_string())
