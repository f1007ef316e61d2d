"""The settings of a study, as in its YAML file, their checks, and the fits that follow from them."""
