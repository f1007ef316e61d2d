"""The files that stages hand on to each other: one module for each format.

Every product is written beside its final name and renamed when it is whole. It has a header, which says what stage of
which study made it and what the next stage has to know, and apart from it a record of its making, which people read and
no stage does.
"""
