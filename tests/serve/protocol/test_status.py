import grpc
import pytest
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

from serve import errors
from serve.errors import OverloadError, RequestError, Violation
from serve.protocol.status import FAULT, from_call, to_wire


class Ended(grpc.RpcError):
    def __init__(self, wire):
        self.wire = wire

    def code(self):
        return self.wire.code

    def details(self):
        return self.wire.message

    def trailing_metadata(self):
        return self.wire.trailers


def details(wire):
    return Status.FromString(wire.trailers[0][1]).details


@pytest.mark.parametrize(
    "error",
    [
        RequestError(Violation("images[3].raw.data", "expected 12 bytes, got 11"), Violation("masks", "too few")),
        errors.ModelNotFoundError("no model 'a'"),
        errors.UnsupportedError("no encoding 99"),
        OverloadError("the queue is full", retry_after=0.25),
        errors.DeadlineError("too late"),
        errors.UnavailableError("stopping"),
    ],
)
def test_an_error_survives_the_wire(error):
    back = from_call(Ended(to_wire(error, "id")))
    assert type(back) is type(error)
    assert str(back) == str(error)
    assert vars(back) == vars(error)


def test_details_are_googles():
    wire = to_wire(RequestError(Violation("images[0]", "empty")), "id")
    info, bad = ErrorInfo(), BadRequest()
    assert details(wire)[0].Unpack(info) and details(wire)[1].Unpack(bad)
    assert (info.domain, info.reason) == ("symae", "INVALID_REQUEST")
    assert bad.field_violations[0].field == "images[0]"
    retry = RetryInfo()
    assert details(to_wire(OverloadError("full", retry_after=1.5), "id"))[1].Unpack(retry)
    assert retry.retry_delay.ToMilliseconds() == 1500


@pytest.mark.parametrize("error", [ValueError("secret"), errors.FaultError("secret"), errors.RepositoryError("secret")])
def test_a_fault_says_one_fixed_sentence(error):
    wire = to_wire(error, "abc")
    assert (wire.code, wire.message) == (grpc.StatusCode.INTERNAL, FAULT)
    assert b"secret" not in wire.trailers[0][1]
    assert str(from_call(Ended(wire))).endswith("(request abc)")


def test_details_stay_small():
    wire = to_wire(RequestError(*(Violation(f"images[{i}]", "x" * 5000) for i in range(1000))), "id")
    assert len(wire.trailers[0][1]) < 2048
    assert len(wire.message) <= 200


def test_other_statuses_keep_their_code():
    class Plain(Ended):
        def trailing_metadata(self):
            return (("grpc-status-details-bin", b"\xff\xff"),)

        def code(self):
            return grpc.StatusCode.RESOURCE_EXHAUSTED

    error = from_call(Plain(to_wire(errors.DeadlineError("Sent message larger than max\nmore"), "id")))
    assert isinstance(error, errors.CallError)
    assert error.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert str(error) == "RESOURCE_EXHAUSTED: Sent message larger than max"
