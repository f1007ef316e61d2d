"""Graphs, the network, its training."""
