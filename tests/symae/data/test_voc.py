from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from symae.data import VOID, DataOptions, Target, open_dataset
from symae.data.maps import voc_palette
from symae.data.voc import VOC_CLASSES, present
from symae.errors import DataError

THING = "<object><name>{}</name><difficult>{}</difficult></object>"


def write_voc(root: Path, year: int, sets: dict[str, list[str]]) -> None:
    base = root / f"VOCdevkit/VOC{year}"
    for folder in ("JPEGImages", "Annotations", "SegmentationClass", "ImageSets/Main", "ImageSets/Segmentation"):
        (base / folder).mkdir(parents=True)
    for part, names in sets.items():
        for kind in ("Main", "Segmentation"):
            (base / f"ImageSets/{kind}/{part}.txt").write_text("\n".join(names) + "\n")
        for name in names:
            Image.fromarray(np.zeros((4, 5, 3), np.uint8)).save(base / f"JPEGImages/{name}.jpg")
            things = THING.format("cat", 0) + THING.format("dog", 1) + THING.format("cat", 1)
            (base / f"Annotations/{name}.xml").write_text(f"<annotation>{things}</annotation>")
            mask = Image.fromarray(np.array([[0, 8, 8, 20, 255]] * 4, np.uint8)).convert("P")
            mask.putpalette([value for colour in voc_palette(256) for value in colour])
            mask.save(base / f"SegmentationClass/{name}.png")


def test_voc_2007_trains_on_trainval_and_knows_difficult_objects(tmp_path: Path) -> None:
    write_voc(tmp_path, 2007, {"trainval": ["1", "2"], "test": ["3"]})
    options = DataOptions(root=tmp_path)
    train = open_dataset("voc2007", target=Target.MULTILABEL, part="train", options=options)
    assert (len(train), train.classes) == (2, VOC_CLASSES)
    expected = np.zeros(20, np.uint8)
    expected[VOC_CLASSES.index("cat")], expected[VOC_CLASSES.index("dog")] = 1, VOID
    assert np.array_equal(train[1].target, expected)
    assert len(open_dataset("voc2007", target=Target.MULTILABEL, part="test", options=options)) == 1


@pytest.mark.parametrize("below", ["", "VOCdevkit", "VOCdevkit/VOC2012"])
def test_voc_2012_has_label_maps_in_its_own_colours(tmp_path: Path, below: str) -> None:
    write_voc(tmp_path, 2012, {"train": ["1", "2", "3"], "val": ["4"]})
    for part, count in (("train", 3), ("validation", 1), ("test", 1)):
        dataset = open_dataset(str(tmp_path / below), target=Target.MAP, part=part, options=DataOptions())
        assert len(dataset) == count and dataset.classes == ("background", *VOC_CLASSES)
        assert dataset[0].target[0].tolist() == [0, 8, 8, 20, VOID]
        assert dataset.colours[8] == (64, 0, 0)


def test_one_class_an_image_is_not_to_be_had(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="'multilabel' or 'map'"):
        open_dataset("voc2007", target=Target.CLASS, part="train", options=DataOptions(root=tmp_path))


def test_two_years_in_a_folder_are_told_apart_by_the_user(tmp_path: Path) -> None:
    write_voc(tmp_path, 2007, {"trainval": ["1"], "test": ["3"]})
    write_voc(tmp_path, 2012, {"train": ["1"], "val": ["4"]})
    with pytest.raises(DataError, match="voc2007 and voc2012"):
        open_dataset(str(tmp_path), target=Target.NONE, part="train", options=DataOptions())
    folder = str(tmp_path / "VOCdevkit/VOC2007")
    assert len(open_dataset(folder, target=Target.NONE, part="train", options=DataOptions())) == 1


def test_an_object_counts_once_it_is_clearly_seen(tmp_path: Path) -> None:
    for order in ((0, 1), (1, 0)):
        path = tmp_path / "a.xml"
        path.write_text("<annotation>" + "".join(THING.format("cow", d) for d in order) + "</annotation>")
        assert present(path)[VOC_CLASSES.index("cow")] == 1
