"""Pure functions from arrays to arrays: what the particles did."""
