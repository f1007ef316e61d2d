"""Data that others have published: trajectories, scores, and the format of the benchmark GlassBench."""
