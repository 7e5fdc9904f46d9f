"""Supplement C: what its rows must say, and that the whole encoder is taken from one to the other."""

import dataclasses

import pytest

from symae.networks import network1, wide_resnet
from symae.recipes.supplement_c_wide_resnet import PLAIN, PRETRAINED, RANDOM, TABLE, WIDE
from symae.request import Request
from symae.train import train
from symae.weights import load_tensors


def test_the_rows_are_two_reconstructions_and_two_classifiers_without_a_number():
    assert TABLE.rows == (PLAIN, WIDE, RANDOM, PRETRAINED)
    metrics = [reported.metric for row in TABLE.rows for reported in row.reported]
    assert metrics == ["psnr", "psnr", "accuracy", "accuracy"]
    assert {reported.value for row in TABLE.rows for reported in row.reported} == {None}


def test_rows_differ_in_what_is_compared_alone():
    assert dataclasses.replace(WIDE, name=PLAIN.name, summary=PLAIN.summary, network=network1()) == PLAIN
    changes = {"name": RANDOM.name, "summary": RANDOM.summary, "initialise": "nothing", "pretrained_by": ""}
    assert dataclasses.replace(PRETRAINED, **changes) == RANDOM
    assert {row.network for row in (WIDE, RANDOM, PRETRAINED)} == {wide_resnet(16, 8)}
    assert PRETRAINED.pretrained_by == WIDE.name


def test_the_two_networks_cost_about_the_same():
    assert WIDE.network.flops(29, 29) / PLAIN.network.flops(29, 29) == pytest.approx(1, abs=0.1)


def test_fine_tuning_follows_the_wide_resnet():
    assert (RANDOM.optimizer, RANDOM.weight_decay, WIDE.weight_decay) == ("sgd", 5e-4, 0)
    rates = [RANDOM.rate(epoch) for epoch in (0, 59, 60, 120, 160)]
    assert rates == pytest.approx([0.1, 0.1, 0.02, 0.004, 0.0008])


def test_fine_tuning_takes_the_encoder_with_what_goes_past_its_blocks(class_folder, tmp_path):
    narrow = dataclasses.replace(wide_resnet(16, 8), width=1 / 16)
    first, tuned = (
        dataclasses.replace(recipe.smoke(), network=narrow, epochs=1, validation=0.25, crop=13)
        for recipe in (WIDE, PRETRAINED)
    )
    first = train(Request(first, data=str(class_folder), out=tmp_path / "first", device="cpu"), say=lambda _: None)
    news: list[str] = []
    request = Request(tuned, data=str(class_folder), out=tmp_path / "tuned", init=first.path, device="cpu")
    tuned = train(request, say=news.append)
    before, after = load_tensors(first.path), load_tensors(tuned.path)
    encoder = [name for name in before if name.startswith("encoder.")]
    assert {"encoder.skips.3.weight", "encoder.skips.7.weight", "encoder.skips.11.weight"} < set(encoder)
    assert {name for name in after if not name.startswith("head.")} == set(encoder)
    assert news[0].startswith(f"from {first.path}: {len(encoder)} tensors taken; 2 drawn anew (head.classes)")
