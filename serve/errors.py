"""What can go wrong in serving, whose turn it is, and which gRPC status it has.

    ServeError              base; its message is one line: what is wrong, what was expected, what to do
    |- SetupError           before serving (exit code 2), never on the wire
    |  |- ConfigError       an option is unknown or out of range
    |  |- RepositoryError   no repository, no model in it, or a file that is no model of ours
    |  |- AddressError      the address cannot be listened on
    |  `- JobError          an extraction that cannot start or resume as asked
    |- RequestError         INVALID_ARGUMENT: malformed, corrupt or over a limit (exit code 2)
    |- ModelNotFoundError        NOT_FOUND: no model of that name (exit code 2)
    |- UnauthenticatedError      UNAUTHENTICATED: no token, or none that is valid (exit code 2)
    |- UnsupportedError          UNIMPLEMENTED: an encoding or call that this server does not know (exit code 2)
    |- OverloadError           RESOURCE_EXHAUSTED: the queue is full; says when to try again
    |- DeadlineError     DEADLINE_EXCEEDED: too late, or bound to be
    |- UnavailableError          UNAVAILABLE: starting, draining, or nobody listens
    |- FaultError         INTERNAL: our fault; the cause is in the server's log
    `- CallError            any other status that a call can end with

The client raises the same classes that the server raised: `serve.protocol.status` carries them over the wire.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from grpc import StatusCode

__all__ = [
    "AddressError",
    "CallError",
    "ConfigError",
    "DeadlineError",
    "FaultError",
    "JobError",
    "ModelNotFoundError",
    "OverloadError",
    "RepositoryError",
    "RequestError",
    "ServeError",
    "SetupError",
    "UnauthenticatedError",
    "UnavailableError",
    "UnsupportedError",
    "Violation",
]


@dataclass(frozen=True)
class Violation:
    """One field of a request that is not as it must be.

    Attributes:
        field: its path, e.g. "images[3].raw.data".
        description: rule, expected and got, in one sentence without the field's name.
    """

    field: str
    description: str


class ServeError(Exception):
    """Base of all errors that serving raises on purpose."""

    exit_code: ClassVar[int] = 1
    code: StatusCode = StatusCode.INTERNAL
    reason: ClassVar[str] = "INTERNAL"


class SetupError(ServeError):
    """Something that the server's or the job's owner gave is not as it must be."""

    exit_code = 2


class ConfigError(SetupError):
    """An option is unknown, of the wrong type or out of range."""


class RepositoryError(SetupError):
    """The model repository, or a model in it, is missing or damaged."""


class AddressError(SetupError):
    """The address is malformed, in use, or not ours to listen on."""


class JobError(SetupError):
    """An extraction cannot start or resume as asked."""


class RequestError(ServeError):
    """A field of a request is malformed, corrupt or over a limit."""

    exit_code = 2
    code = StatusCode.INVALID_ARGUMENT
    reason = "INVALID_REQUEST"

    def __init__(self, *violations: Violation) -> None:
        super().__init__("; ".join(f"{v.field}: {v.description}" if v.field else v.description for v in violations))
        self.violations = violations


class ModelNotFoundError(ServeError):
    """No model of that name is served."""

    exit_code = 2
    code = StatusCode.NOT_FOUND
    reason = "MODEL_NOT_FOUND"


class UnauthenticatedError(ServeError):
    """The call has no bearer token, or one that is not valid at this server."""

    exit_code = 2
    code = StatusCode.UNAUTHENTICATED
    reason = "UNAUTHENTICATED"


class UnsupportedError(ServeError):
    """The request asks for something that this server does not know."""

    exit_code = 2
    code = StatusCode.UNIMPLEMENTED
    reason = "UNSUPPORTED"


class OverloadError(ServeError):
    """The queue is full.

    Attributes:
        retry_after: seconds until trying again may help.
    """

    code = StatusCode.RESOURCE_EXHAUSTED
    reason = "QUEUE_FULL"

    def __init__(self, message: str, *, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class DeadlineError(ServeError):
    """The deadline passed, or would have passed before the work was done."""

    code = StatusCode.DEADLINE_EXCEEDED
    reason = "DEADLINE"


class UnavailableError(ServeError):
    """The server is starting, draining, or not there; or it dropped the call unread.

    Attributes:
        retry_after: seconds until trying again may help; 0: not known.
    """

    code = StatusCode.UNAVAILABLE
    reason = "UNAVAILABLE"
    retry_after: float = 0.0


class FaultError(ServeError):
    """The server failed; the cause stands in its log, not here."""


class CallError(ServeError):
    """A call ended with a status that has no class of its own.

    Attributes:
        code: the gRPC status.
    """

    reason = "CALL"

    def __init__(self, message: str, *, code: StatusCode) -> None:
        super().__init__(message)
        self.code = code
