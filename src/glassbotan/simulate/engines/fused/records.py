"""The records that Python and the engine's C++ share, field by field as in `physics.hpp`."""

import ctypes

import numpy as np

AXES = 4
"""Numbers for each particle in arrays of positions and velocities; the fourth is zero."""
GRID = 2**32
"""Steps of the grid of positions along each edge of the box."""

FARTHEST_IN_A_STEP = 0.25
"""Distance along an axis that no particle of a liquid moves in one step, sigma_AA."""
RUNNING, LIST_TOO_LONG, BLOWN_UP, MINIMISED = range(4)
CONSTANT_ENERGY, THERMOSTATTED, RESTRAINED, MINIMISING = range(4)


def _fields(kind: type, names: str) -> list[tuple[str, type]]:
    return [(name, kind) for name in names.split()]


class Pair(ctypes.Structure):
    """The interaction of two species."""

    _fields_ = (
        *_fields(ctypes.c_double, "epsilon sigma cutoff energy_at_cutoff slope_at_cutoff"),
        *_fields(ctypes.c_float, "c12 c6 slope cutoff2 range2"),
    )


class Liquid(ctypes.Structure):
    """The interactions, the masses, the box and the neighbour lists."""

    _fields_ = (
        *_fields(Pair, "aa ab bb"),
        *_fields(ctypes.c_double, "mass_a mass_b box_length skin longest_range"),
    )


class Motion(ctypes.Structure):
    """How the systems move."""

    _fields_ = (
        *_fields(ctypes.c_double, "timestep start stop coupling_time"),
        ("end", ctypes.c_int64),
        *_fields(ctypes.c_double, "radius temperature rate"),
        *_fields(ctypes.c_int32, "average_every settling"),
        ("force_tolerance", ctypes.c_double),
    )


class Arrays(ctypes.Structure):
    """Sizes and addresses of the arrays of all systems."""

    _fields_ = (
        *_fields(ctypes.c_int32, "particles padded split cells capacity_a capacity_b"),
        *_fields(ctypes.c_void_p, "positions listed images velocities centers averages lists words variables"),
    )


VARIABLES = np.dtype(
    [
        ("step", "i8"),
        ("xi", "f8"),
        ("eta", "f8"),
        ("momentum", "f8", 3),
        ("fire_step", "f8"),
        ("fire_mixing", "f8"),
        ("fire_downhill", "i8"),
        ("largest_force", "f8"),
        ("seed", "u8"),
        ("rebuilds", "i8"),
        ("status", "i4"),
        ("particle", "i4"),
        ("longest", "i4", 2),
    ],
    align=True,
)
"""What a system has beside its arrays."""
