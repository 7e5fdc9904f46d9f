import dataclasses

import pytest
import torch

from symae.data import DataOptions, Target, open_dataset
from symae.errors import DataError
from symae.visualize.images import load_pictures


def load(run, *sources, limit=6, keep_size=False, say=lambda _: None):
    return load_pictures(sources, run, limit=limit, keep_size=keep_size, say=say)


def test_without_sources_the_runs_own_held_out_images(pretrained, class_folder):
    pictures = load(pretrained, limit=3)
    assert len(pictures) == 3
    name = "/".join(class_folder.parts[-2:])
    assert {picture.source for picture in pictures} == {f"{name}, held-out images"}
    assert all("/test/" in picture.path for picture in pictures)


def test_own_data_without_a_test_part_gives_the_hold_out_and_never_training_images(pretrained, class_folder):
    run = dataclasses.replace(pretrained, data=str(class_folder / "train"))
    options = DataOptions(validation=run.recipe.validation, seed=run.seed)
    training = open_dataset(run.data, target=Target.NONE, part="train", options=options)
    seen = {training.path(index) for index in range(len(training))}
    for source in ((), (run.data,), (f"{run.data}/",)):
        pictures = load(run, *source, limit=100)
        assert pictures
        assert not seen & {picture.path for picture in pictures}


def test_training_images_are_named_as_such(pretrained, class_folder):
    recipe = dataclasses.replace(pretrained.recipe, validation=0.0)
    run = dataclasses.replace(pretrained, data=str(class_folder / "train"), recipe=recipe)
    assert load(run)[0].source == f"{class_folder.name}/train, training images"
    assert load(run, str(class_folder / "test"))[0].source == f"{class_folder.name}/test"


def test_files_folders_and_sets_in_the_order_given(pretrained, class_folder):
    file = class_folder / "test" / "dark" / "002.png"
    pictures = load(pretrained, str(file), "photos", str(class_folder / "train"), limit=2)
    assert [picture.name for picture in pictures] == ["002", "camera", "china", "000", "011"]
    assert all(picture.image.dtype == torch.float32 and picture.image.ndim == 4 for picture in pictures)
    assert pictures[0].image.shape == (1, 3, 36, 40)
    assert 0 <= float(pictures[0].image.min()) < float(pictures[0].image.max()) <= 1


def test_images_come_in_the_runs_channels_and_size_unless_told(gray, class_folder):
    run = dataclasses.replace(gray, recipe=dataclasses.replace(gray.recipe, resize=24, crop=21))
    file = str(class_folder / "test" / "dark" / "002.png")
    assert load(run, file)[0].image.shape == (1, 1, 24, 27)
    assert load(run, file, keep_size=True)[0].image.shape == (1, 1, 36, 40)


def test_unreadable_images_are_told_and_left_out(pretrained, class_folder, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"no image")
    news: list[str] = []
    assert len(load(pretrained, str(tmp_path), str(class_folder / "test" / "dark" / "002.png"), say=news.append)) == 1
    assert len(news) == 1
    assert "broken.png" in news[0]
    with pytest.raises(DataError, match="can be read"):
        load(pretrained, str(tmp_path))
    with pytest.raises(DataError, match="nowhere"):
        load(pretrained, str(tmp_path / "nowhere"))
