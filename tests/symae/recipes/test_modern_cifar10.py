"""The rows beyond the paper: the paper's networks, apart from its tables, and from scratch as when pre-trained."""

import dataclasses

from symae.networks import network1, network2
from symae.recipes import TABLES, from_dict, to_dict
from symae.recipes.modern_cifar10 import TABLE


def test_the_networks_are_the_papers_and_the_table_is_apart():
    assert TABLE.beyond
    assert [row.network for row in TABLE.rows] == [network2()] * 4 + [network1()] * 2
    assert [row.labels for row in TABLE.rows] == [4000] * 4 + [None] * 2
    paper = {row.name for table in TABLES.values() if not table.beyond for row in (*table.rows, *table.pretraining)}
    assert not paper & {row.name for row in (*TABLE.rows, *TABLE.pretraining)}
    assert all(row.deviations for row in (*TABLE.rows, *TABLE.pretraining))


def test_the_numbers_to_beat_are_named_as_such():
    numbers = [(number.value, number.source) for row in TABLE.rows for number in row.reported]
    assert [value for value, _ in numbers] == [81.37] * 4 + [95.15] * 2
    assert all(source.startswith("to beat") for _, source in numbers)


def test_rows_from_scratch_and_pre_trained_differ_in_the_start_alone():
    start = ("name", "summary", "initialise", "hold_epochs", "taken_rate", "pretrained_by")
    for scratch, tuned in (TABLE.rows[:2], TABLE.rows[2:4], TABLE.rows[4:]):
        same = {name: getattr(scratch, name) for name in start}
        assert dataclasses.replace(tuned, **same) == scratch
        assert tuned.pretrained_by in {row.name for row in TABLE.pretraining}


def test_rows_that_learn_without_labels_are_the_others_but_for_that():
    changed = {"name", "summary", "batch_size", "unlabelled", "labels_first", "certainty", "epochs", "label_smoothing"}
    for plain, semi in zip(TABLE.rows[:2], TABLE.rows[2:4], strict=True):
        before, after = dataclasses.asdict(plain), dataclasses.asdict(semi)
        assert {name for name in before if before[name] != after[name]} <= changed
        assert not plain.unlabelled and semi.unlabelled


def test_pre_training_copies_pixels_and_never_interpolates():
    assert not any(row.augmentation.bends or row.augmentation.recolours for row in TABLE.pretraining)


def test_they_are_written_and_read_again():
    for row in (*TABLE.rows, *TABLE.pretraining):
        assert from_dict(to_dict(row)) == row
