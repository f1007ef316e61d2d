"""The figures: one module for each, found by `glassbotan.evaluate.figures.registry`.

A module with a `FIGURE` (`glassbotan.evaluate.figures.contract.Figure`) is a figure: the workflow draws it, `glassbotan
draw` knows it, and the report shows it with its caption. Importing the module has to be quick, since the workflow and
the command line do it to learn what there is: import matplotlib and pandas inside the functions that draw.
"""
