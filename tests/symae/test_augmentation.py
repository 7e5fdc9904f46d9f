import dataclasses

import pytest
import torch

from symae.augmentation import Augmentation, augment
from symae.errors import RecipeError
from symae.randomness import Share, generator

MOVES = [Augmentation(shift=4), Augmentation(rotation=30), Augmentation(scale=0.5), Augmentation(shear=20)]
COLOURS = [Augmentation(brightness=0.4), Augmentation(contrast=0.4), Augmentation(saturation=0.4)]
MIXES = [Augmentation(mix="mixup", mix_probability=1), Augmentation(mix="cutmix", mix_probability=1)]
EVERYTHING = Augmentation(4, 15, 0.2, 10, 0.3, 0.3, 0.3, "cutmix")
ALL = [*MOVES, *COLOURS, *MIXES, EVERYTHING]


def images(batch: int = 6, height: int = 24, width: int = 31, channels: int = 3) -> torch.Tensor:
    return torch.rand((batch, channels, height, width), generator=generator("cpu", 0, "images"))


def labels(batch: int = 6) -> torch.Tensor:
    return torch.arange(batch) % 5


def apply(augmentation: Augmentation, x: torch.Tensor, targets: torch.Tensor | None, seed: int = 1):
    return augment(augmentation, x, targets, generator("cpu", seed), 5)


@pytest.mark.parametrize("augmentation", [Augmentation(), Augmentation(mix="cutmix", mix_probability=0)], ids=str)
def test_no_strength_is_the_identity_and_draws_nothing(augmentation):
    x, y, source = images(), labels(), generator("cpu", 0)
    before = source.get_state()
    varied = augment(augmentation, x, y, source, 5)
    assert varied.images is x
    assert varied.targets is y
    assert torch.equal(source.get_state(), before)
    assert not augmentation.varies


@pytest.mark.parametrize("augmentation", ALL, ids=str)
def test_same_generator_state_same_output_and_another_gives_another(augmentation):
    x, y = images(), labels()
    first, again, other = (apply(augmentation, x, y, seed) for seed in (1, 1, 2))
    assert torch.equal(first.images, again.images)
    assert torch.equal(first.targets, again.targets)
    assert not torch.equal(first.images, other.images)
    assert torch.equal(x, images())  # what was given is not changed
    assert augmentation.varies


@pytest.mark.parametrize("augmentation", MIXES, ids=str)
def test_shares_are_mixed_as_the_classes_that_they_say(augmentation):
    shares = torch.nn.functional.one_hot(labels(), 5).float()
    plain, given = apply(augmentation, images(), labels()), apply(augmentation, images(), shares)
    assert torch.equal(plain.images, given.images)
    assert torch.equal(plain.targets, given.targets)
    shares[0] = 0  # an image of which nothing is known
    known = apply(augmentation, images(), shares).targets.sum(1)
    assert known.min() >= 0 and known.max() <= 1 + 1e-6
    assert (known < 0.999).any()


@pytest.mark.parametrize("augmentation", [*MOVES, *COLOURS, *MIXES], ids=str)
def test_slices_of_a_batch_are_varied_as_the_whole(augmentation):
    x, y = images(7), labels(7)
    whole = apply(augmentation, x, y)
    parts = []
    for share in (Share.of(7, rank, 3) for rank in range(3)):
        slices = share.take(x), share.take(y), generator("cpu", 1), 5, share
        gather = lambda values: x if values.ndim == 4 else torch.nn.functional.one_hot(y, 5).float()  # noqa: E731
        parts.append(augment(augmentation, *slices, gather))
    assert torch.equal(torch.cat([part.images for part in parts]), whole.images)
    assert torch.equal(torch.cat([part.targets for part in parts]), whole.targets)


@pytest.mark.parametrize("augmentation", ALL, ids=str)
@pytest.mark.parametrize(("batch", "height", "width", "channels"), [(1, 1, 1, 1), (3, 29, 29, 3), (2, 8, 50, 1)])
def test_images_keep_shape_and_range_at_any_size(augmentation, batch, height, width, channels):
    x = images(batch, height, width, channels).round()  # black and white: nothing can be outside that is not seen
    varied = apply(augmentation, x, labels(batch)).images
    assert varied.shape == x.shape
    assert varied.dtype == torch.float32
    assert 0 <= varied.min() <= varied.max() <= 1


@pytest.mark.parametrize("augmentation", [*MIXES, EVERYTHING], ids=str)
def test_mixed_labels_are_shares_of_sum_one(augmentation):
    targets = apply(augmentation, images(64), labels(64)).targets
    assert targets.shape == (64, 5)
    torch.testing.assert_close(targets.sum(1), torch.ones(64))
    assert targets.min() >= 0
    assert ((targets > 0).sum(1) <= 2).all()


@pytest.mark.parametrize("augmentation", MIXES, ids=str)
def test_images_are_mixed_in_the_shares_of_their_labels(augmentation):
    classes = labels(60)
    x = torch.nn.functional.one_hot(classes, 5).float()[:, :, None, None].expand(-1, -1, 24, 31)  # channel = class
    varied = apply(augmentation, x, classes)
    torch.testing.assert_close(varied.images.mean((2, 3)), varied.targets, atol=1e-5, rtol=0)


def test_about_so_many_images_are_mixed_as_asked_for():
    x = torch.arange(400.0)[:, None, None, None].expand(-1, 1, 16, 16) / 400
    varied = apply(Augmentation(mix="mixup", mix_probability=0.25), x, labels(400)).images
    assert 60 < int((varied != x).flatten(1).any(1).sum()) < 140


def test_shifts_copy_whole_pixels_and_reach_every_place():
    x = torch.arange(20.0 * 20).reshape(1, 1, 20, 20).expand(600, -1, -1, -1) / 400
    moved = apply(Augmentation(shift=2), x, None).images
    assert torch.isin(moved, x[0]).all()
    places = {int(value * 400 + 0.5) - 10 * 20 - 10 for value in moved[:, 0, 10, 10]}
    assert places == {20 * down + right for down in range(-2, 3) for right in range(-2, 3)}


def test_what_comes_in_is_mirrored_from_inside():
    x = torch.linspace(0.1, 0.9, 8).expand(200, 1, 8, 8)
    moved = apply(Augmentation(shift=1), x, None).images
    for row in moved[:, 0, 0]:
        assert torch.equal(row, x[0, 0, 0]) or row[0] == row[1] == 0.1 or row[-1] == row[-2] == x[0, 0, 0, -1]


def test_a_label_map_moves_with_its_image():
    maps = torch.randint(0, 2, (8, 24, 31), generator=generator("cpu", 3), dtype=torch.uint8)
    maps = maps.repeat_interleave(4, 1).repeat_interleave(4, 2)[:, :24, :31]
    varied = apply(Augmentation(shift=3, rotation=20, scale=0.2), maps[:, None].float(), maps)
    assert varied.targets.dtype == torch.uint8
    agree = (varied.images[:, 0].round() == varied.targets).float().mean()
    assert agree > 0.97  # they differ at borders alone, where one interpolates


def test_a_rotation_is_one():
    x = torch.zeros(200, 1, 33, 33)
    x[:, :, 16, 26] = 1  # ten pixels to the right of the centre
    turned = apply(Augmentation(rotation=90), x, None).images
    peaks = turned[:, 0].flatten(1).argmax(1)
    rows, columns = peaks // 33 - 16, peaks % 33 - 16
    assert ((rows.square() + columns.square()).sqrt() - 10).abs().max() < 1.5
    assert (columns >= -1).all()
    assert rows.min() < -8
    assert rows.max() > 8


@pytest.mark.parametrize("augmentation", COLOURS, ids=str)
def test_gray_images_stay_gray_and_saturation_leaves_them(augmentation):
    x = images(channels=1).expand(-1, 3, -1, -1)
    varied = apply(augmentation, x, None).images
    torch.testing.assert_close(varied, varied[:, :1].expand(-1, 3, -1, -1), atol=1e-6, rtol=0)
    if augmentation.saturation:
        torch.testing.assert_close(varied, x, atol=1e-6, rtol=0)


@pytest.mark.parametrize("augmentation", ALL, ids=str)
def test_it_is_as_exact_where_the_network_computes_in_bfloat16(augmentation):
    x, y = images(), labels()
    with torch.autocast("cpu", torch.bfloat16):
        half = apply(augmentation, x, y)
    assert torch.equal(half.images, apply(augmentation, x, y).images)


@pytest.mark.parametrize(
    "change",
    [{"shift": -1}, {"rotation": 181}, {"scale": -0.1}, {"shear": 90}, {"contrast": 2}, {"mix_probability": -1}],
)
def test_values_out_of_range_are_refused(change):
    with pytest.raises(RecipeError, match=next(iter(change))):
        dataclasses.replace(Augmentation(), **change)


@pytest.mark.parametrize("targets", [None, torch.zeros(6, 5, dtype=torch.uint8)])
def test_only_images_of_one_class_are_mixed(targets):
    with pytest.raises(RecipeError, match="one class each"):
        apply(MIXES[0], images(), targets)
