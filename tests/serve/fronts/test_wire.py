import random

import pytest

from serve import errors
from serve.catalogue import ModelState
from serve.fronts.messages import Cancel, Failed, Finished, Offer, Offers, Release, Submit, Tally, Totals
from serve.fronts.wire import LONGEST, WireError, decoded, encoded, frames

MESSAGES = [
    Submit(1 << 63, 7, 12.5, 1 << 40, (1, 2, 3), ("embedding", "feature_map")),
    Cancel(5),
    Release(9),
    Offers((Offer(1, 2, "cats", "3", "CPU", 1 << 20, '{"kind": "x"}'), Offer(4, 5, "dögs", "1", "CPU", 1, "{}"))),
    Offers((), (ModelState("cats", "4", "FAILED", "it is damaged"),)),
    Finished(6, 0.25, 0.5),
    Tally({3: {"fail": {"count": 1, "ns": 2}}}, {"requests": {"x": 1}}),
    Totals({3: {"executions": 4}, 5: {}}, {}),
]


def roundtrip(*messages):
    buffer = bytearray(b"".join(encoded(message) for message in messages))
    found = [decoded(kind, body) for kind, body in frames(buffer)]
    assert not buffer
    return found


def test_all_messages_come_as_they_went():
    assert roundtrip(*MESSAGES) == MESSAGES


@pytest.mark.parametrize(
    "error",
    [
        errors.DeadlineError("too late"),
        errors.FaultError("out of memory"),
        errors.UnavailableError("stopping"),
        errors.OverloadError("full", retry_after=0.25),
        errors.RequestError(errors.Violation("", "too large")),
    ],
)
def test_an_error_comes_as_it_went(error):
    (failed,) = roundtrip(Failed(3, error))
    assert (type(failed.error), str(failed.error), failed.number) == (type(error), str(error), 3)
    assert getattr(failed.error, "retry_after", None) == getattr(error, "retry_after", None)


def test_an_error_of_another_class_is_a_fault():
    (failed,) = roundtrip(Failed(3, errors.ConfigError("nobody sends this")))
    assert type(failed.error) is errors.FaultError


def test_frames_may_come_in_pieces():
    data, buffer, found = b"".join(encoded(message) for message in MESSAGES), bytearray(), []
    for byte in data:
        buffer.append(byte)
        found += [decoded(kind, body) for kind, body in frames(buffer)]
    assert found == MESSAGES


def test_what_is_no_message_is_said_to_be_none():
    chance = random.Random(0)
    for _ in range(5000):
        kind, body = chance.randrange(256), chance.randbytes(chance.randrange(64))
        try:
            message = decoded(kind, body)
        except WireError:
            continue
        assert isinstance(message, Submit | Cancel | Release | Finished | Failed | Offers | Tally | Totals)


def test_a_frame_without_end_is_refused():
    with pytest.raises(WireError, match="a frame of"):
        frames(bytearray((LONGEST + 1).to_bytes(4, "little") + b"\0"))
