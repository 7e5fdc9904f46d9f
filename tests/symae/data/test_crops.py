from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from serve.image import centre_crop
from symae.data import Example
from symae.data.crops import cut, draw_epoch, fit
from symae.randomness import Share


def example(height: int, width: int) -> Example:
    rows, columns = np.mgrid[:height, :width].astype(np.uint8)
    return Example(np.stack([rows, columns, rows], -1), rows)


@given(count=st.integers(1, 50), batch=st.integers(1, 20), epoch=st.integers(0, 3))
def test_an_epoch_takes_every_example_at_most_once(count: int, batch: int, epoch: int) -> None:
    draws = list(draw_epoch(count, batch, flip=True, seed=0, epoch=epoch))
    taken = torch.cat([draw.indices for draw in draws]).tolist()
    assert len(draws) == max(1, count // batch)
    assert len(set(taken)) == len(taken) and set(taken) <= set(range(count))
    assert all(len(draw.indices) == min(batch, count) for draw in draws)


@given(count=st.integers(1, 20), repeats=st.integers(1, 4), epoch=st.integers(0, 3))
def test_an_epoch_repeats_every_example_as_often_as_it_is_told(count: int, repeats: int, epoch: int) -> None:
    draws = list(draw_epoch(count, 1, repeats=repeats, flip=True, seed=0, epoch=epoch))
    taken = torch.cat([draw.indices for draw in draws])
    assert torch.equal(taken.bincount(minlength=count), torch.full((count,), repeats))
    assert torch.equal(taken[:count].sort().values, torch.arange(count))  # none comes twice before all came once
    once = list(draw_epoch(count, 1, flip=True, seed=0, epoch=epoch))
    assert all(
        torch.equal(a.indices, b.indices) and torch.equal(a.tops, b.tops) for a, b in zip(once, draws, strict=False)
    )
    assert len({tuple(draw.tops.tolist()) for draw in draws}) == len(draws)  # each time another crop


def test_the_tail_of_an_epoch_is_drawn_as_in_the_whole() -> None:
    whole = list(draw_epoch(40, 4, flip=True, seed=1, epoch=2))
    tail = list(draw_epoch(40, 4, flip=True, seed=1, epoch=2, start=7))
    for a, b in zip(whole[7:], tail, strict=True):
        assert all(torch.equal(getattr(a, name), getattr(b, name)) for name in ("indices", "tops", "lefts", "flips"))


def test_epochs_and_seeds_differ_and_flips_obey() -> None:
    first, second, other = (next(draw_epoch(99, 50, flip=True, seed=s, epoch=e)) for s, e in ((0, 0), (0, 1), (1, 0)))
    assert not torch.equal(first.indices, second.indices) and not torch.equal(first.tops, second.tops)
    assert not torch.equal(first.indices, other.indices)
    assert 0 < first.flips.sum() < 50
    still = next(draw_epoch(99, 50, flip=False, seed=0, epoch=0))
    assert not still.flips.any() and torch.equal(still.tops, first.tops)


@given(world=st.integers(1, 5))
def test_the_shares_of_all_processes_are_the_batch(world: int) -> None:
    draws = next(draw_epoch(20, 7, flip=True, seed=0, epoch=0))
    shares = [draws.take(Share.of(7, rank, world)) for rank in range(world)]
    assert torch.equal(torch.cat([share.indices for share in shares]), draws.indices)
    assert torch.equal(torch.cat([share.flips for share in shares]), draws.flips)


@pytest.mark.parametrize(
    ("size", "crop", "resize", "expected"),
    [
        ((30, 40), 10, None, (30, 40)),
        ((30, 40), 10, 15, (15, 20)),
        ((30, 40), 60, None, (60, 80)),
        ((5, 20), 10, None, (10, 40)),
        ((30, 40), None, None, (30, 40)),
        ((30, 40), None, 60, (60, 80)),
    ],
)
def test_the_shorter_side_decides_and_maps_follow(size, crop, resize, expected) -> None:
    fitted = fit(example(*size), crop, resize)
    assert fitted.image.shape[:2] == fitted.target.shape == expected
    assert set(np.unique(fitted.target)) <= set(range(size[0]))  # nearest: no value that was not there


@given(
    height=st.integers(4, 20), width=st.integers(4, 20), side=st.integers(1, 4), top=st.floats(0, 1, exclude_max=True)
)
def test_a_cut_lies_inside_and_takes_the_map_along(height: int, width: int, side: int, top: float) -> None:
    piece = cut(example(height, width), top, 1 - 2**-53, side)
    assert piece.image.shape == (side, side, 3)
    assert np.array_equal(piece.image[:, :, 0], piece.target)
    assert piece.image[0, -1, 1] == width - 1


@given(height=st.integers(4, 60), width=st.integers(4, 60), side=st.integers(1, 4))
def test_the_central_cut_is_the_servers(height: int, width: int, side: int) -> None:
    from symae.data.pipeline import _views

    whole = example(height, width)
    (view,) = _views(whole, side, "centre", 0, 0)
    assert np.array_equal(view.image, centre_crop(whole.image, side, side))
