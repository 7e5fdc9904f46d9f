"""The rows beyond the paper: the paper's networks, apart from its tables, and from scratch as when pre-trained."""

import dataclasses

from symae.networks import network1, network2
from symae.recipes import TABLES, from_dict, to_dict
from symae.recipes.modern_cifar10 import TABLE


def test_the_networks_are_the_papers_and_the_table_is_apart():
    assert TABLE.beyond
    assert [row.network for row in TABLE.rows] == [network2(), network2(), network1(), network1()]
    assert [row.labels for row in TABLE.rows] == [4000, 4000, None, None]
    paper = {row.name for table in TABLES.values() if not table.beyond for row in (*table.rows, *table.pretraining)}
    assert not paper & {row.name for row in (*TABLE.rows, *TABLE.pretraining)}
    assert all(row.deviations for row in (*TABLE.rows, *TABLE.pretraining))


def test_the_numbers_to_beat_are_named_as_such():
    numbers = [(number.value, number.source) for row in TABLE.rows for number in row.reported]
    assert [value for value, _ in numbers] == [81.37, 81.37, 95.15, 95.15]
    assert all(source.startswith("to beat") for _, source in numbers)


def test_rows_from_scratch_and_pre_trained_differ_in_the_start_alone():
    start = ("name", "summary", "initialise", "hold_epochs", "taken_rate", "pretrained_by")
    for scratch, tuned in (TABLE.rows[:2], TABLE.rows[2:]):
        same = {name: getattr(scratch, name) for name in start}
        assert dataclasses.replace(tuned, **same) == scratch
        assert tuned.pretrained_by in {row.name for row in TABLE.pretraining}


def test_pre_training_copies_pixels_and_never_interpolates():
    assert not any(row.augmentation.bends or row.augmentation.recolours for row in TABLE.pretraining)


def test_they_are_written_and_read_again():
    for row in (*TABLE.rows, *TABLE.pretraining):
        assert from_dict(to_dict(row)) == row
