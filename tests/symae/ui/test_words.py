import math

import numpy as np
import pytest

from serve.errors import OverloadError, RequestError, UnavailableError, Violation
from symae.errors import DataError
from symae.ui import words


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (DataError("photo.jpg cannot be read: it is empty."), ">photo.jpg cannot be read: it is empty.<"),
        (RequestError(Violation("images[0]", "too large")), "Too large."),
        (UnavailableError("the server at a:1 does not answer"), "The server at a:1 does not answer."),
        (OverloadError("full", retry_after=1), "The server has more to do than it can take: try again in a moment."),
        (ZeroDivisionError("a <b> fault"), "This went wrong on our side (ZeroDivisionError); the terminal of symae ui"),
    ],
)
def test_an_error_is_a_sentence(error, sentence):
    assert sentence in words.failure(error)
    assert 'role="alert"' in words.failure(error)


def test_what_a_file_is_called_is_no_markup():
    assert "<script>" not in words.failure(DataError("<script>.png"))
    assert "<b>" not in words.note("<b>") + words.tiles(("<b>", "<b>"))


def test_numbers_have_their_units():
    assert words.size(np.zeros((2160, 3840, 3), np.uint8)) == "3\u202f840 × 2\u202f160 pixels"
    assert words.decibels(30.04) == "30.0 dB" and words.decibels(math.inf) == "equal"
    assert words.difference(30.04, 20) == "+10.0 dB" and words.difference(20, math.inf) == "–"
    assert words.seconds(0.0123) == "12 ms" and words.seconds(2.34) == "2.3 s"
    assert words.share(0.1234) == "12.3 %" and words.share(0.0001) == "< 0.1 %" and words.share(0) == "0.0 %"
    assert words.plural(1, "picture") == "1 picture" and words.plural(1200, "picture") == "1\u202f200 pictures"
