"""The predictors: one module for each kind; `glassbotan.predictors.contract` defines the interface that they share."""
