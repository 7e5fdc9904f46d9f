"""What the network sees of a batch follows from its draws alone."""

import dataclasses

import torch

from symae.augmentation import Augmentation
from symae.corruption import GaussianNoise, SmallBlocks
from symae.randomness import Share, generator
from symae.recipes import find
from symae.views import View, Views, in_unit_range

RECIPE = dataclasses.replace(
    find("classify"),
    augmentation=Augmentation(shift=3, brightness=0.3, mix="cutmix"),
    corruption=SmallBlocks(),
    corruption_probability=0.5,
)
PLAIN = dataclasses.replace(find("classify"), corruption_probability=0.0)
TARGETS = torch.arange(12) % 4


def images(count: int = 12) -> torch.Tensor:
    return torch.randint(0, 256, (count, 3, 24, 24), generator=generator("cpu", 0, "images"), dtype=torch.uint8)


def view(recipe=RECIPE, seed=1, epoch=2, step=3, purpose="") -> View:
    return Views(recipe, seed, Share(0, 12, 12), 4, purpose).make(images(), TARGETS, epoch, step)


def same(one: View, other: View) -> bool:
    return torch.equal(one.damaged.images, other.damaged.images) and torch.equal(one.targets, other.targets)


def test_the_same_key_gives_the_same_view_and_any_other_another():
    assert same(view(), view())
    for change in ({"seed": 2}, {"epoch": 0}, {"step": 0}, {"purpose": "unlabelled "}):
        assert not same(view(), view(**change)), change


def test_without_strength_images_and_targets_pass_as_they_are():
    found = view(PLAIN)
    assert torch.equal(found.clean, in_unit_range(images()))
    assert found.damaged.images is found.clean
    assert found.damaged.masks is None
    assert torch.equal(found.targets, TARGETS)


def test_about_half_of_the_images_are_damaged_and_the_others_are_clean():
    found = view(dataclasses.replace(RECIPE, corruption=GaussianNoise(30)))
    differs = (found.damaged.images != found.clean).flatten(1).any(1)
    assert 0 < differs.sum() < 12


def test_slices_are_seen_as_the_whole_is():
    """Without mixing, which asks the other processes: see test_devices.py."""
    recipe = dataclasses.replace(RECIPE, augmentation=dataclasses.replace(RECIPE.augmentation, mix="none"))
    whole = view(recipe)
    for rank in range(5):
        share = Share.of(12, rank, 5)
        part = Views(recipe, 1, share, 4).make(share.take(images()), share.take(TARGETS), 2, 3)
        assert torch.equal(part.damaged.images, share.take(whole.damaged.images))
        assert torch.equal(part.damaged.masks, share.take(whole.damaged.masks))


def test_the_targets_of_mixed_images_are_shares_of_classes():
    mixed = view().targets
    assert mixed.shape == (12, 4)
    assert torch.allclose(mixed.sum(1), torch.ones(12))
