"""Tools for fitting predictors: graphs, network training, edge perceptrons, target scales and ridge regression."""
