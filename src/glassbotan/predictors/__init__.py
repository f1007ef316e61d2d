"""The predictors: one module for each kind, all behind the contract of `glassbotan.predictors.contract`."""
