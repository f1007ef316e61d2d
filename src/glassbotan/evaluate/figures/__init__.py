"""The figures, one module for each; `glassbotan.evaluate.figures.registry` finds them.

Every module that defines a `FIGURE` (`glassbotan.evaluate.figures.contract.Figure`) is a figure: the workflow and
`glassbotan draw` draw it, and the report shows it with its caption. Importing the module has to be quick, since the
workflow and the command line import all of them to list the figures. Therefore import matplotlib and pandas inside the
functions that draw.
"""
