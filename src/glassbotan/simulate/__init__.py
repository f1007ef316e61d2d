"""The simulation protocol, the engines that run it, its checkpoints, and the checks of its quality."""
