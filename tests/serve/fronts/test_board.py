import os

import pytest

from serve.fronts.board import MODELS, Board


@pytest.fixture
def board():
    fd = Board.room(3, 2)
    try:
        yield Board(fd, 3, 2)
    finally:
        os.close(fd)


def test_what_fronts_hold_and_send_is_added_up_for_each_owner_and_model(board):
    for front in range(3):
        board.hold(front, 1, MODELS - 1, 10 + front)
        board.send(front, 0, 0, 1)
    board.hold(0, 1, MODELS - 1, -10)
    assert (board.held(1, MODELS - 1), board.held(0, 0), board.held(1, 0)) == (23, 0, 0)
    assert (board.under_way(0, 0), board.under_way(1, MODELS - 1)) == (3, 0)


def test_a_front_that_died_is_wiped_out_and_no_other(board):
    for front in range(3):
        board.hold(front, 1, 5, 100)
        board.send(front, 1, 5, 100)
    board.tell_rate(1, 5, 0.5)
    board.forget(1)
    assert (board.held(1, 5), board.under_way(1, 5), board.rate(1, 5)) == (200, 200, 0.5)


def test_rates_of_all_models_have_their_own_place(board):
    places = [(owner, slot) for owner in range(2) for slot in range(MODELS)]
    for number, place in enumerate(places):
        board.tell_rate(*place, float(number))
    assert [board.rate(*place) for place in places] == [float(number) for number in range(len(places))]
    assert board.held(1, MODELS - 1) == board.under_way(1, MODELS - 1) == 0
