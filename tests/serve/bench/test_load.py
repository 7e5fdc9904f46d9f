import numpy as np
import pytest

from serve import image
from serve.bench.load import Load, Payload
from serve.errors import JobError


def test_an_open_loop_keeps_its_rate():
    due = Load(rate=500, seconds=8, warm_up=2).schedule()
    gaps = np.diff(due)
    assert len(due) == 5000 and abs(due[-1] - 10) < 1
    assert 0.9 < gaps.std() / gaps.mean() < 1.1  # as of independent callers
    assert np.diff(Load(rate=500, poisson=False, seconds=1).schedule()).std() < 1e-9


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("encoding", ["raw", "jpeg", "png"])
def test_requests_hold_what_they_should(encoding, channels):
    payload = Payload("encoder", "m", 30, 47, channels, images=2, encoding=encoding)
    requests = payload.requests()
    assert len({request.SerializeToString() for request in requests}) == len(requests)
    for sent, picture in zip(requests[0].images, payload.pictures(), strict=True):
        if encoding == "raw":
            assert (sent.raw.height, sent.raw.width, sent.raw.channels) == (30, 47, channels)
            assert sent.raw.data == picture.tobytes()
        else:
            got = image.decode(sent.encoded, channels=channels, max_pixels=1 << 20)
            assert np.abs(got.astype(int) - picture).mean() < (10 if encoding == "jpeg" else 0.001)
    assert payload.path == "/symae.v1.SymaeService/Embed"


def test_a_jpeg_is_as_large_as_that_of_a_photograph():
    (request, *_) = Payload("encoder", "m", 256, 256, encoding="jpeg").requests()
    assert 0.3 < 8 * len(request.images[0].encoded) / 256**2 < 6  # bits a pixel


@pytest.mark.parametrize("wrong", [{"callers": 0}, {"seconds": 0}, {"rate": -1}, {"deadline": 0}, {"connections": 0}])
def test_loads_that_make_no_sense(wrong):
    with pytest.raises(JobError, match="must"):
        Load(**wrong)
