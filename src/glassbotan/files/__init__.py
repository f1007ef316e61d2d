"""The files that stages write for later stages, one module for each format.

Every file is written under a temporary name in the same folder and renamed when it is complete. It contains a header
with the stage and the study that made it and the facts that later stages need, and separately a record of how it was
made, which is meant for people.
"""
