from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from symae.data import DataOptions, Target, open_dataset
from symae.data.parts import balanced, choose_part, hold_out, of_classes
from symae.data.torchvision_sets import ImageArray
from symae.errors import DataError


def numbers(count: int = 40, target: Target = Target.CLASS) -> ImageArray:
    images = np.arange(count, dtype=np.uint8).repeat(3).reshape(count, 1, 1, 3)
    labels = np.arange(count) % 4
    return ImageArray("numbers", 3, images, target, tuple("abcd"), labels if target is Target.CLASS else None)


def values(dataset) -> list[int]:
    return [int(dataset[i].image[0, 0, 0]) for i in range(len(dataset))]


@given(count=st.integers(3, 300), fraction=st.floats(0.01, 0.6), seed=st.integers(0, 5))
def test_the_hold_out_divides_everything(count: int, fraction: float, seed: int) -> None:
    kept, held = hold_out(count, fraction, seed)
    assert sorted([*kept, *held]) == list(range(count))
    assert len(held) == max(1, round(count * fraction))
    assert np.array_equal(kept, np.sort(kept)) and np.array_equal(held, hold_out(count, fraction, seed)[1])


def test_another_seed_holds_out_others() -> None:
    assert not np.array_equal(hold_out(100, 0.2, 0)[1], hold_out(100, 0.2, 1)[1])


@pytest.mark.parametrize("fraction", [-0.1, 1.0, 0.99])
def test_a_hold_out_that_leaves_nothing_is_an_error(fraction: float) -> None:
    with pytest.raises(DataError, match=r"fraction|hold out"):
        hold_out(2, fraction, 0)


def test_parts_are_cut_from_training_where_there_are_none() -> None:
    options = DataOptions(validation=0.25)
    parts = {"train": numbers}
    train, validation, test = (values(choose_part(parts, p, options)) for p in ("train", "validation", "test"))
    assert validation == test and len(validation) == 10
    assert sorted(train + validation) == list(range(40))


def test_a_validation_part_of_its_own_leaves_training_whole_and_serves_as_test() -> None:
    parts = {"train": numbers, "validation": lambda: numbers(5)}
    options = DataOptions(validation=0.25)
    assert len(choose_part(parts, "train", options)) == 40
    assert len(choose_part(parts, "validation", options)) == len(choose_part(parts, "test", options)) == 5


def test_validation_is_never_the_test_part() -> None:
    parts = {"train": numbers, "test": lambda: numbers(7)}
    with pytest.raises(DataError, match="no validation part"):
        choose_part(parts, "validation", DataOptions())
    assert len(choose_part(parts, "validation", DataOptions(validation=0.1))) == 4
    assert len(choose_part(parts, "train", DataOptions(validation=0.1))) == 36
    assert len(choose_part(parts, "test", DataOptions(validation=0.1))) == 7


def test_a_test_part_alone_can_be_tested_on() -> None:
    parts = {"test": numbers}
    assert len(choose_part(parts, "test", DataOptions())) == 40
    with pytest.raises(DataError, match="no train part, only test"):
        choose_part(parts, "train", DataOptions())


@given(count=st.integers(4, 40), seed=st.integers(0, 3))
def test_labels_are_balanced_and_distinct(count: int, seed: int) -> None:
    labels = np.arange(40) % 4
    chosen = balanced(labels, tuple("abcd"), count, seed)
    counts = np.bincount(labels[chosen], minlength=4)
    assert len(set(chosen)) == count and counts.max() - counts.min() <= 1
    assert np.array_equal(chosen, balanced(labels, tuple("abcd"), count, seed))


def test_labels_are_drawn_after_the_hold_out() -> None:
    parts = {"train": numbers}
    few = values(choose_part(parts, "train", DataOptions(validation=0.25, labels=8)))
    held = values(choose_part(parts, "validation", DataOptions(validation=0.25, labels=8)))
    assert len(few) == 8 and len(held) == 10 and not set(few) & set(held)


@pytest.mark.parametrize("labels", [0, 41])
def test_more_labels_than_there_are(labels: int) -> None:
    with pytest.raises(DataError, match="40 labelled images"):
        choose_part({"train": numbers}, "train", DataOptions(labels=labels))


def test_a_class_with_too_few_examples_is_named() -> None:
    with pytest.raises(DataError, match="class 'b', which has 1"):
        balanced(np.array([0, 0, 0, 1]), ("a", "b"), 4, 0)


def test_labels_need_a_labelled_target(tmp_path: Path, write) -> None:
    write("1.png")
    with pytest.raises(DataError, match="opened without labels"):
        open_dataset(str(tmp_path), target=Target.NONE, part="train", options=DataOptions(labels=1))


def test_maps_and_lists_draw_labels_by_chance() -> None:
    dataset = choose_part({"train": lambda: numbers(40, Target.MAP)}, "train", DataOptions(labels=6))
    assert len(set(values(dataset))) == 6


def test_parts_of_some_classes_hold_those_alone_and_keep_all_names() -> None:
    parts = of_classes({"train": numbers, "test": lambda: numbers(8)}, ("d", "b"))
    train, test = (choose_part(parts, part, DataOptions(validation=0.25)) for part in ("train", "test"))
    assert {int(label) for label in train.labels} == {1, 3} and len(train) == 15
    assert values(test) == [1, 3, 5, 7] and test.classes == tuple("abcd")


@pytest.mark.parametrize(("target", "name"), [(Target.CLASS, "e"), (Target.NONE, "a")])
def test_classes_that_are_not_there_are_an_error(target: Target, name: str) -> None:
    parts = of_classes({"train": lambda: numbers(target=target)}, (name,))
    with pytest.raises(DataError, match=f"has no class {name} to take images of"):
        choose_part(parts, "train", DataOptions())
