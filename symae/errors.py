"""What can go wrong in training and export, and whose turn it is.

SymaeError              base; its message is one line: what is wrong, what was expected, what to do
|- InputError           the caller's turn (exit code 2): a path, an option, a file is not as it must be
|  |- DataError         images or labels
|  |  `- MissingPartError  the data has no such part (train, validation, test), and none is held out
|  |- RecipeError       recipe names, `--set` keys and values
|  `- RunError          run directories: exists, missing, of another network, of another stage
`- FailureError         at run time (exit code 1)
   |- Interrupted       a signal came (exit code 130)
   |- DivergenceError   the loss is no longer a number
   `- VerificationError an exported graph does not compute what PyTorch computes
"""

from __future__ import annotations

__all__ = [
    "DataError",
    "DivergenceError",
    "FailureError",
    "InputError",
    "Interrupted",
    "MissingPartError",
    "RecipeError",
    "RunError",
    "SymaeError",
    "VerificationError",
]


class SymaeError(Exception):
    """Base of all errors that symae raises on purpose."""

    exit_code = 1


class InputError(SymaeError):
    """Something that the caller gave is not as it must be."""

    exit_code = 2


class DataError(InputError):
    """Images or labels are missing, unreadable, or do not fit together."""


class MissingPartError(DataError):
    """The data has no such part, and none is held out."""


class RecipeError(InputError):
    """A recipe's name or value is unknown or out of range."""


class RunError(InputError):
    """A run directory exists already, is missing, or belongs to something else."""


class FailureError(SymaeError):
    """Something failed while it ran."""


class Interrupted(FailureError):  # noqa: N818 - nobody made an error
    """A signal came; the state was saved and the same command with `--resume` goes on."""

    exit_code = 130


class DivergenceError(FailureError):
    """The loss became infinite or not a number."""


class VerificationError(FailureError):
    """An exported graph does not compute what PyTorch computes."""
