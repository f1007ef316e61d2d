"""The configuration of a study: one module for each section of its YAML file."""
