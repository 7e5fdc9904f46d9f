import pytest
import torch

from symae.corruption import BigBlock, Clean, Corruption, GaussianNoise, Mixture, SmallBlocks, corrupt
from symae.errors import RecipeError
from symae.randomness import Share, generator

ALL: list[Corruption] = [
    Clean(),
    GaussianNoise(30),
    GaussianNoise(5, 55),
    BigBlock(),
    SmallBlocks(),
    Mixture((GaussianNoise(5, 55), BigBlock(), SmallBlocks())),
    Mixture((GaussianNoise(5, 55), BigBlock(), SmallBlocks()), weights=(2.0, 1.0, 1.0)),
]


def images(batch: int = 4, height: int = 24, width: int = 31, channels: int = 3) -> torch.Tensor:
    return torch.rand((batch, channels, height, width), generator=generator("cpu", 0, "images"))


@pytest.mark.parametrize("corruption", ALL, ids=str)
def test_same_generator_state_gives_same_damage_and_another_gives_another(corruption):
    x = images()
    first, again, other = (corrupt(corruption, x, generator("cpu", seed)) for seed in (1, 1, 2))
    assert torch.equal(first.images, again.images)
    if first.masks is not None:
        assert torch.equal(first.masks, again.masks)
    if not isinstance(corruption, Clean):
        same_masks = first.masks is None or torch.equal(first.masks, other.masks)
        assert not (torch.equal(first.images, other.images) and same_masks)


@pytest.mark.parametrize("corruption", ALL, ids=str)
def test_slices_of_a_batch_are_damaged_as_the_whole(corruption):
    x = images(7)
    whole = corrupt(corruption, x, generator("cpu", 1))
    shares = [Share.of(7, rank, 3) for rank in range(3)]
    parts = [corrupt(corruption, share.take(x), generator("cpu", 1), share) for share in shares]
    assert torch.equal(torch.cat([part.images for part in parts]), whole.images)
    if whole.masks is not None:
        assert torch.equal(torch.cat([part.masks for part in parts]), whole.masks)


@pytest.mark.parametrize("corruption", ALL, ids=str)
@pytest.mark.parametrize(("height", "width"), [(1, 1), (29, 29), (8, 50)])
def test_shapes_and_dtypes_for_any_size_and_for_one_gray_image(corruption, height, width):
    x = images(1, height, width, channels=1)
    damaged = corrupt(corruption, x, generator("cpu", 3))
    assert damaged.images.shape == x.shape
    assert damaged.images.dtype == torch.float32
    if damaged.masks is not None:
        assert damaged.masks.shape == (1, height, width)
        assert damaged.masks.dtype == torch.bool


def test_noise_has_the_stated_standard_deviation_and_is_not_clipped():
    x = torch.ones(2, 3, 128, 128)
    noise = corrupt(GaussianNoise(30), x, generator("cpu", 0)).images - x
    assert noise.std().item() == pytest.approx(30 / 255, rel=0.01)
    assert noise.mean().item() == pytest.approx(0, abs=1e-3)
    assert noise.max() > 0.2


def test_zero_noise_is_the_identity():
    x = images()
    assert torch.equal(corrupt(GaussianNoise(0), x, generator("cpu", 0)).images, x)


def test_blind_noise_draws_a_level_for_each_image():
    x = torch.zeros(64, 1, 64, 64)
    levels = corrupt(GaussianNoise(5, 55), x, generator("cpu", 0)).images.flatten(1).std(1) * 255
    assert levels.min() > 4
    assert levels.max() < 57
    assert levels.max() - levels.min() > 35


def test_big_block_is_one_square_of_half_the_side_wholly_inside():
    masks = corrupt(BigBlock(0.5), images(16, 24, 24), generator("cpu", 0)).masks
    assert masks is not None
    assert (masks.sum((1, 2)) == 12 * 12).all()
    for mask in masks:
        rows, columns = mask.any(1).nonzero().flatten(), mask.any(0).nonzero().flatten()
        assert rows[-1] - rows[0] == columns[-1] - columns[0] == 11


def test_small_blocks_cover_at_most_the_stated_part_and_differ_between_images():
    masks = corrupt(SmallBlocks(1 / 8, 0.25), images(32, 29, 29), generator("cpu", 0)).masks
    assert masks is not None
    covered = masks.float().mean((1, 2))
    assert covered.max() <= 0.25
    assert covered.min() > 0.12
    assert len({tuple(mask.flatten().tolist()) for mask in masks}) == 32


def test_blocks_reach_every_pixel():
    masks = corrupt(BigBlock(0.5), images(400, 8, 8), generator("cpu", 0)).masks
    assert masks is not None
    assert masks.any(0).all()


def test_masked_pixels_are_left_to_the_network():
    x = images()
    assert torch.equal(corrupt(SmallBlocks(), x, generator("cpu", 0)).images, x)


def test_mixture_gives_each_image_exactly_one_part():
    x = torch.full((200, 1, 16, 16), 0.5)
    damaged = corrupt(Mixture((GaussianNoise(30), BigBlock())), x, generator("cpu", 0))
    assert damaged.masks is not None
    noisy = (damaged.images != x).flatten(1).any(1)
    masked = damaged.masks.flatten(1).any(1)
    assert (noisy ^ masked).all()
    assert 60 < int(noisy.sum()) < 140


def test_a_weighted_mixture_draws_its_parts_as_often_as_it_says():
    x = torch.full((1000, 1, 8, 8), 0.5)
    mixture = Mixture((GaussianNoise(30), BigBlock()), weights=(9.0, 1.0))
    masks = corrupt(mixture, x, generator("cpu", 0)).masks
    assert masks is not None
    assert 60 < int(masks.flatten(1).any(1).sum()) < 140


@pytest.mark.parametrize(
    "make",
    [
        lambda: GaussianNoise(-1),
        lambda: GaussianNoise(0, -1),
        lambda: BigBlock(0),
        lambda: BigBlock(1.5),
        lambda: SmallBlocks(coverage=0),
        lambda: Mixture(()),
        lambda: Mixture((Clean(), GaussianNoise()), weights=(1.0,)),
        lambda: Mixture((Clean(), GaussianNoise()), weights=(1.0, 0.0)),
    ],
)
def test_values_out_of_range_are_refused(make):
    with pytest.raises(RecipeError):
        make()
