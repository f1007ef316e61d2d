"""What others have published: their trajectories, their weights, and the benchmark that compares models."""
