import numpy as np
import pytest

from serve.turns import TURNS, turn, turn_back

IMAGE = np.arange(2 * 3 * 3).reshape(2, 3, 3)


def test_there_are_eight_and_all_differ():
    assert len({(turn(IMAGE, to).tobytes(), turn(IMAGE, to).shape) for to in TURNS}) == 8


@pytest.mark.parametrize("to", TURNS)
def test_back_is_where_it_was(to):
    np.testing.assert_array_equal(turn_back(turn(IMAGE, to), to), IMAGE)
    assert turn(IMAGE, to).flags.c_contiguous
