"""The dynamics of the particles: targets, relaxation and pairs, computed by pure functions of arrays."""
