import numpy as np
import pytest
from PIL import Image

from serve.calling.targets import SourceFile, below, list_files, restored, save
from serve.errors import JobError


@pytest.fixture
def files(tmp_path):
    """a.png, folder/a.png, folder/deep/b.jpg."""
    (tmp_path / "folder" / "deep").mkdir(parents=True)
    paths = [tmp_path / name for name in ("a.png", "folder/a.png", "folder/deep/b.jpg")]
    for path in paths:
        Image.new("RGB", (3, 2), "red").save(path)
    return paths


def test_files_are_named_by_themselves_or_below_their_folder(files, tmp_path):
    assert [str(file.name) for file in list_files([tmp_path / "folder"])] == ["a", "deep/b"]
    assert [str(file.name) for file in list_files(files[1:])] == ["a", "b"]
    with pytest.raises(JobError, match="would have one name"):
        list_files([files[0], tmp_path / "folder"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(JobError, match="no image in"):
        list_files([tmp_path / "empty"])


def test_a_result_is_in_the_folder_or_where_one_picture_is_named(files, tmp_path):
    (file,) = list_files(files[:1])
    assert restored(tmp_path / "out", files)(file) == tmp_path / "out" / "a.png"
    assert restored(tmp_path / "v1.2", files)(file) == tmp_path / "v1.2" / "a.png"
    assert restored(tmp_path / "clean.JPG", files[:1])(file) == tmp_path / "clean.JPG"
    (tmp_path / "folder.png").mkdir()
    assert restored(tmp_path / "folder.png", files)(file) == tmp_path / "folder.png" / "a.png"
    assert below(tmp_path, SourceFile(files[2], list_files(files[2:])[0].name), ".x.png") == tmp_path / "b.x.png"


@pytest.mark.parametrize(("out", "many", "message"), [
    ("clean.png", "files", "is the name of one picture"),
    ("clean.png", "folder", "is the name of one picture"),
    ("clean.gif", "one", "one of .png, .webp, .jpg, .jpeg"),
])  # fmt: skip
def test_one_picture_is_not_the_place_for_many_or_for_every_format(files, tmp_path, out, many, message):
    sources = {"files": files[1:], "folder": [tmp_path / "folder"], "one": files[:1]}[many]
    with pytest.raises(JobError, match=message):
        restored(tmp_path / out, sources)


@pytest.mark.parametrize(("name", "exact"), [("x.png", True), ("x.webp", True), ("x.jpg", False), ("x.jpeg", False)])
@pytest.mark.parametrize("channels", [1, 3])
def test_what_is_saved_is_read(files, tmp_path, rng, name, exact, channels):
    array = np.repeat(rng.integers(0, 256, (1, 9, channels), dtype=np.uint8), 8, axis=0)
    save(array, SourceFile(files[0], files[0]), tmp_path / "new" / name)
    with Image.open(tmp_path / "new" / name) as picture:
        got = np.asarray(picture.convert("RGB" if channels == 3 else "L")).reshape(array.shape)
    assert exact is bool((got == array).all()) or channels == 1
    assert np.abs(got.astype(int) - array).mean() < 60


def test_an_image_is_never_overwritten_by_its_own_result(files, tmp_path):
    (tmp_path / "link.png").symlink_to(files[0])
    before = files[0].read_bytes()
    for target in (files[0], tmp_path / "link.png"):
        with pytest.raises(JobError, match="is the image itself"):
            save(np.zeros((2, 3, 3), np.uint8), SourceFile(files[0], files[0]), target)
    assert files[0].read_bytes() == before
