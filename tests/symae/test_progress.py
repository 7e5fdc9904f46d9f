import time

from symae.progress import decoding_news


def test_decoding_tells_how_far_it_is_how_fast_and_how_long_still():
    lines: list[str] = []
    tell = decoding_news(lines.append, began=time.monotonic() - 10)
    tell(1000, 4000)
    tell(1001, 4000)  # too soon after the first
    assert lines == ["decoded 1,000 of 4,000 images, 100 images/s, 0:00:30 left"]


def test_what_is_quick_says_nothing():
    lines: list[str] = []
    decoding_news(lines.append)(10, 10)
    assert not lines
