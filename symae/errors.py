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
   |- PeerLost          another process of the same training has ended
   |- ToldElsewhere     the same, or its own failure, is told by another process; the message is empty
   `- VerificationError an exported graph does not compute what PyTorch computes
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError

__all__ = [
    "DataError",
    "DivergenceError",
    "FailureError",
    "InputError",
    "Interrupted",
    "MissingPartError",
    "PeerLost",
    "RecipeError",
    "RunError",
    "SymaeError",
    "ToldElsewhere",
    "VerificationError",
    "first_wrong",
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


class PeerLost(FailureError):  # noqa: N818 - it names what happened
    """Another process of the same training has ended or cannot be reached."""


class ToldElsewhere(FailureError):  # noqa: N818
    """All processes end, and another one says why; there is nothing to add."""

    def __init__(self, exit_code: int) -> None:
        super().__init__(exit_code)
        self.exit_code = exit_code

    def __str__(self) -> str:
        return ""


class VerificationError(FailureError):
    """An exported graph does not compute what PyTorch computes."""


def first_wrong(error: ValidationError) -> str:
    """Say the first thing that is wrong with values: its place, what was expected, and what was there."""
    first = error.errors()[0]
    place = ".".join(map(str, first["loc"]))
    return f"{place and f'{place}: '}{first['msg']}, got {first['input']!r}"
