"""The errors that speak to the person at the keyboard."""


class GlassbotanError(Exception):
    """Something the user can mend: the message is one sentence (what, found, expected, what to do).

    The command line prints the message without a traceback and exits with the error's status.
    """

    exit_status = 1


class StudyError(GlassbotanError):
    """The configuration file asks for something that cannot be."""


class FileError(GlassbotanError):
    """A file is missing, cut short, or belongs to something else."""


class EngineError(GlassbotanError):
    """The molecular-dynamics engine is missing or the run went wrong."""


class TrainingError(GlassbotanError):
    """Training diverged or was asked to continue something it does not fit."""
