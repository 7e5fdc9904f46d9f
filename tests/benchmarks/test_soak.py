"""A soak of seconds with real parts, and that its eyes see what they should."""

import sys

import numpy as np
import pytest

from benchmarks.marks import NAME, add_version, judge, picture, write_model
from benchmarks.soak import EXPECTED, SETTINGS, Conditions, Verdict, soak
from benchmarks.soak_callers import Tally
from serve.pb.symae.v1 import symae_pb2 as pb
from serve.repository import find_models

LEVEL = (100e6, 101e6, 110e6)


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_a_soak_of_seconds_finds_no_fault():
    verdict = soak(Conditions(seconds=14, swap=4, channels=16, settings=SETTINGS | {"watch_seconds": 0.5}))
    assert [fault for fault in verdict.faults() if "memory" not in fault] == []  # seconds say nothing of memory
    assert verdict.words["right"] > 100 and set(EXPECTED) <= set(verdict.words)
    assert set(verdict.versions) == {"1", "2"}  # the third was damaged


def test_whose_answer_it_is():
    mine, other = picture(1), picture(2)
    assert judge(mine, 255 - mine) == "right"
    assert judge(mine, 255 - other) == "foreign"
    damaged = 255 - mine
    damaged[-1, -1, -1] ^= 1
    assert judge(mine, damaged) == "damaged"
    assert judge(mine, (255 - mine)[:-1]) == "damaged"


def test_answers_are_judged_image_by_image():
    def answer(*pictures):
        images = [pb.Image(raw=pb.RawImage(data=p.tobytes(), height=48, width=48, channels=3)) for p in pictures]
        return pb.ReconstructResponse(images=images)

    one, two = picture(1), picture(2)
    tally = Tally()
    for got in ((255 - one, 255 - two), (255 - two, 255 - one), (255 - one,), (255 - one, 255 - two, 255 - two)):
        tally.answer([one, two], answer(*got))
    assert tally.words == {"right": 1, "foreign": 1, "lost": 1, "doubled": 1}


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({}, None),
        ({"words": {"right": 9, "foreign": 1}}, "1 replies foreign"),
        ({"words": {"right": 9, "INTERNAL": 2}}, "2 calls ended INTERNAL"),
        ({"words": {"right": 9, "RESOURCE_EXHAUSTED": 1}}, "1 calls were refused"),
        ({"missed": (4,)}, "version 4"),
        ({"memory": (100e6, 120e6, 120e6)}, "memory grew by 20 MB"),
    ],
)
def test_the_verdict(changes, fault):
    verdict = Verdict(
        **{"rate": 1.0, "words": {"right": 9}, "images": 9, "versions": {"1": 9}, "missed": (), "memory": LEVEL}
        | changes
    )
    assert [line for line in verdict.faults() if fault is None or not line.startswith(fault)] == []
    assert bool(verdict.faults()) == (fault is not None)


def test_versions_come_whole_and_old_ones_go(tmp_path):
    write_model(tmp_path / NAME / "1" / "model.onnx", 4)
    for version in range(2, 7):
        add_version(tmp_path, version, damaged=version == 6)
    assert sorted(path.name for path in (tmp_path / NAME).iterdir()) == ["4", "5", "6"]
    assert [path.name for path in tmp_path.iterdir()] == [NAME]
    (model,) = find_models(tmp_path)
    assert model.version == "6"
    assert np.array_equal(picture(3), picture(3))
