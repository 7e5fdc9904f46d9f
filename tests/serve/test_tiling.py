import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serve.tiling import LEAST, Canvas, Reach, cut, plan

SIDES, LIMITS = st.integers(1, 400), st.integers(1, 40_000)
REACHES = st.builds(Reach, st.sampled_from([1, 2, 3, 4, 8]), st.integers(0, 40))


def shape(tile):
    return tile.rows.stop - tile.rows.start, tile.columns.stop - tile.columns.start


@settings(max_examples=50, deadline=None)
@given(SIDES, SIDES, LIMITS, REACHES)
def test_kept_parts_cover_the_image_once_and_their_halo_is_in_the_tile_or_beyond_the_image(height, width, limit, reach):
    covered = np.zeros((height, width), int)
    for tile in plan(height, width, limit, reach):
        covered[tile.rows.first : tile.rows.last, tile.columns.first : tile.columns.last] += 1
        for span, length in ((tile.rows, height), (tile.columns, width)):
            assert 0 <= span.start <= span.first < span.last <= span.stop <= length
            assert span.start == 0 or span.first - span.start >= reach.halo
            assert span.stop == length or span.stop - span.last >= reach.halo
            assert span.start % reach.stride == 0
    assert (covered == 1).all()


@settings(max_examples=50, deadline=None)
@given(SIDES, SIDES, LIMITS, REACHES)
def test_tiles_have_one_shape_within_the_limit_or_four_halos(height, width, limit, reach):
    tiles = plan(height, width, limit, reach)
    (one,) = {shape(tile) for tile in tiles}
    assert len(set(tiles)) == len(tiles)
    if height * width <= limit:
        assert len(tiles) == 1
    least = LEAST * reach.margin + 2 * reach.stride
    assert one[0] * one[1] <= limit or min(one) <= least or max(one) <= least


def test_a_large_photograph_is_computed_little_more_than_once():
    for reach in (Reach(1, 30), Reach(16, 62)):
        tiles = plan(4000, 6000, 1 << 20, reach)
        height, width = shape(tiles[0])
        assert height * width <= 1 << 20
        assert len(tiles) * height * width < 1.3 * 4000 * 6000


def blur(image, stride):
    """A network by hand: the mean of 3x3 pixels around every stride-th one, of those that exist, and its mean."""
    padded, count = np.pad(image[0, :, :, 0].astype(float), 1), np.pad(np.ones(image.shape[1:3]), 1)
    around = [(slice(i, i + image.shape[1]), slice(j, j + image.shape[2])) for i in range(3) for j in range(3)]
    means = sum(padded[s] for s in around) / sum(count[s] for s in around)
    feature_map = means[None, None, ::stride, ::stride].astype(np.float32)
    return {"feature_map": feature_map, "embedding": feature_map.mean((2, 3)), "reconstruction": means[None, ..., None]}


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 60), st.integers(1, 60), st.sampled_from([1, 2, 4, 8]), st.randoms(use_true_random=False))
def test_outputs_of_tiles_become_those_of_the_image(height, width, stride, random):
    images = np.random.default_rng(height * width).integers(0, 256, (2, height, width, 1), dtype=np.uint8)
    wanted = ("reconstruction", "embedding", "feature_map")
    tiles = plan(height, width, 200, Reach(stride, 1))
    canvas = Canvas(tiles, 2, wanted, stride)
    todo = [(index, number) for index in range(2) for number in range(len(tiles))]
    random.shuffle(todo)
    for index, number in todo:
        outputs = blur(cut((images,), index, tiles[number])[0], stride)
        canvas.put(index, number, [outputs[name] for name in canvas.asked])
    for index in range(2):
        whole = blur(images[index : index + 1], stride)
        for name, array in zip(wanted, canvas.finished(), strict=True):
            np.testing.assert_allclose(array[index], whole[name][0], rtol=1e-5)


def test_maps_are_asked_for_but_not_kept_where_only_their_mean_is_wanted():
    canvas = Canvas(plan(8, 8, 64, Reach(1, 0)), 1, ("embedding",), 1)
    assert canvas.asked == ("feature_map",)
    canvas.put(0, 0, [np.ones((1, 3, 8, 8), np.float32)])
    (embedding,) = canvas.finished()
    assert embedding.tolist() == [[1, 1, 1]]


def test_cut_copies_images_and_masks(rng):
    image, mask = rng.integers(0, 256, (2, 40, 50, 3)), rng.integers(0, 2, (2, 40, 50))
    tile = plan(40, 50, 400, Reach(2, 3))[-1]
    window, holes = cut((image, mask), 1, tile)
    assert window.flags.c_contiguous and window.shape == (1, *shape(tile), 3)
    np.testing.assert_array_equal(window[0], image[1, -window.shape[1] :, -window.shape[2] :])
    np.testing.assert_array_equal(holes[0], mask[1, -window.shape[1] :, -window.shape[2] :])


@pytest.mark.parametrize(("halo", "stride", "margin"), [(0, 4, 0), (1, 4, 4), (4, 4, 4), (30, 1, 30)])
def test_margin(halo, stride, margin):
    assert Reach(stride, halo).margin == margin
