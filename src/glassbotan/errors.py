"""Errors whose messages are meant for the user of the program."""


class GlassbotanError(Exception):
    """An error that the user can correct; its message says what was found, what was expected and what to do.

    The command line prints the message without a traceback and exits with the error's status.
    """

    exit_status = 1


class StudyError(GlassbotanError):
    """The settings of a study are wrong, or something was requested that the study does not have."""


class FileError(GlassbotanError):
    """A file is missing or damaged, or is not the file that is expected in this place."""


class EngineError(GlassbotanError):
    """The molecular-dynamics engine is not installed, or the simulation failed."""


class TrainingError(GlassbotanError):
    """Training diverged, or the GPU kernels for it give wrong results."""
