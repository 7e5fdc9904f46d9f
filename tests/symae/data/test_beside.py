"""Images without labels stand beside those with some, the same ones wherever a training is taken up."""

from itertools import islice

import pytest
import torch

from symae.data import DataOptions, Target, TrainingLoader, WithUnlabelled, open_dataset

CPU = torch.device("cpu")


def loader(data, target, batch_size, seed=0, **changes) -> TrainingLoader:
    dataset = open_dataset(str(data), target=target, part="train", options=DataOptions())
    settings = {"crop": 16, "resize": 24, "flip": True, "device": CPU, **changes}
    return TrainingLoader(dataset, batch_size=batch_size, seed=seed, **settings)


def both(class_folder, first=0, **changes) -> WithUnlabelled:
    labelled = loader(class_folder, Target.CLASS, 8, **changes)
    return WithUnlabelled(labelled, loader(class_folder, Target.NONE, 5, seed=1, **changes), first)


def equal(one, other) -> bool:
    return all(torch.equal(getattr(one, name), getattr(other, name)) for name in ("images", "targets", "unlabelled"))


def test_an_epoch_is_that_of_the_labelled_images(class_folder):
    loader = both(class_folder)
    batches = list(loader.batches(0))
    assert len(batches) == len(loader) == 3
    assert all(batch.images.shape == (8, 3, 16, 16) and batch.targets.shape == (8,) for batch in batches)
    assert all(batch.unlabelled.shape == (5, 3, 16, 16) for batch in batches)
    assert loader.images_a_step == 13
    assert (loader.share.whole, loader.unlabelled_share.whole) == (8, 5)


@pytest.mark.parametrize("resident_bytes", [0, 1 << 20])
@pytest.mark.parametrize("epoch", [0, 1, 2])
@pytest.mark.parametrize("start", [0, 1, 2])
def test_taken_up_anywhere_the_same_images_follow(class_folder, resident_bytes, epoch, start):
    whole = both(class_folder)
    expected = list(islice((batch for number in range(3) for batch in whole.batches(number)), 3 * epoch + start, None))
    taken_up = both(class_folder, resident_bytes=resident_bytes)
    found = [batch for number in range(epoch, 3) for batch in taken_up.batches(number, start if number == epoch else 0)]
    assert len(found) == len(expected) == 9 - 3 * epoch - start
    assert all(map(equal, found, expected))


@pytest.mark.parametrize("workers", [0, 2])
def test_what_was_loaded_ahead_is_not_thrown_away_between_epochs(class_folder, workers):
    paired = both(class_folder, resident_bytes=0, workers=workers)
    began: list[int] = []
    begin = paired._begin
    paired._begin = lambda step: began.append(step) or begin(step)
    for epoch in range(3):
        assert len(list(paired.batches(epoch))) == 3
    assert began == [0]
    assert next(paired.batches(1, 2)).unlabelled is not None  # elsewhere: begun anew
    assert began == [0, 5]
    paired._others.close()


def test_the_first_epochs_may_have_none_and_the_others_begin_after_them(class_folder):
    later, whole = both(class_folder, first=2), both(class_folder)
    for epoch in (0, 1):
        plain = [(batch.images, batch.targets) for batch in whole.batches(epoch)]
        for batch, (images, targets) in zip(later.batches(epoch), plain, strict=True):
            assert batch.unlabelled is None
            assert torch.equal(batch.images, images) and torch.equal(batch.targets, targets)
        assert later.images_a_step == 8
    beside = [batch.unlabelled for batch in whole.batches(0)]
    assert all(torch.equal(b.unlabelled, other) for b, other in zip(later.batches(2), beside, strict=True))
    assert later.images_a_step == 13


def test_they_go_round_at_their_own_pace_and_each_comes_once_a_turn(class_folder):
    labelled = loader(class_folder, Target.CLASS, 8)
    unlabelled = loader(class_folder, Target.NONE, 6, flip=False, crop=24)  # 4 batches of 6 a turn
    paired = WithUnlabelled(labelled, unlabelled)
    seen = [batch.unlabelled for epoch in range(4) for batch in paired.batches(epoch)]
    for turn in range(3):
        rows = torch.cat(seen[4 * turn : 4 * turn + 4]).flatten(1)
        assert len(rows.unique(dim=0)) == 24


def test_what_neither_can_read_is_told_of_both(class_folder):
    loader = both(class_folder)
    loader._labelled.unreadable["a.png"] = "truncated"
    loader._unlabelled.unreadable["b.png"] = "no image"
    assert loader.unreadable == {"a.png": "truncated", "b.png": "no image"}
