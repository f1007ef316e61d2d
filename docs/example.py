"""A study from Python: read its targets, score a predictor, and predict a configuration given as arrays.

Run it in the repository's folder, in the activated environment (`source .venv/bin/activate`), after `make quickstart`:

    python docs/example.py
"""

import numpy as np

import glassbotan

study = glassbotan.open_study("config.yaml")
point = study.settings.temperatures[0]
test = study.settings.configurations.test[0]
model = study.settings.models[0].name
time = point.sampling_times[1]

# Simulated targets of one test configuration: here S of every particle at one sampling time.
targets = study.targets(point.temperature, configuration=test)
structure = targets.structure()
of_a = structure.species == 0
propensity = targets.means["S"][point.sampling_times.index(time)]
print(f"T = {point.temperature}, t = {time}: mean propensity of A particles {propensity[of_a].mean():.3f}")

# Prediction for the same configuration, which is given as arrays.
predictor = study.predictor(model, point.temperature, time)
predicted = glassbotan.predict(predictor, (structure.positions, structure.species, structure.box_length))
rho = np.corrcoef(predicted.target("S")[of_a], propensity[of_a])[0, 1]
print(f"{model} on configuration {test}: rho = {rho:.2f} over {of_a.sum()} particles, {len(predicted.pairs)} pairs")

# Pearson coefficients, averaged over the sampling times; study.pearson() returns all of them.
print(study.pearson().groupby(["model", "target"]).pearson.mean().round(2).to_string())
