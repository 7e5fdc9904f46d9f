import pytest

from symae.errors import InputError
from symae.probe.plan import parse_layers


def test_lists_of_layers():
    assert parse_layers("all") == ()
    assert parse_layers("4") == (4,)
    assert parse_layers("8, 1-3,2") == (1, 2, 3, 8)


@pytest.mark.parametrize("text", ["", "first", "3-1", "1,,2", "-2", "1.5"])
def test_what_is_no_list_of_layers(text):
    with pytest.raises(InputError, match="1,4,6-8"):
        parse_layers(text)
