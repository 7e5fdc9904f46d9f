import os
import tarfile

import pytest

from serve.errors import JobError
from serve.features.items import Item, Shard, Survey, list_items


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "images"
    for name in ("b.png", "a.JPG", "sub/c.webp", ".hidden.png", ".cache/d.png", "notes.txt", "z.png"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    with tarfile.open(root / "shard.tar", "w") as shard:
        for name in ("b.png", "sub/c.webp", "notes.txt"):
            shard.add(root / name, arcname=name)
    return root


def test_one_order_and_every_image_readable(folder):
    items = list(list_items([folder, folder / "notes.txt"]))
    names = [item.name.removeprefix(f"{folder}/") for item in items]
    expected = ["a.JPG", "b.png", "shard.tar/b.png", "shard.tar/sub/c.webp", "sub/c.webp", "z.png", "notes.txt"]
    assert names == expected
    assert [item.read().decode() for item in items] == [name.removeprefix("shard.tar/") for name in expected]


def survey(folder, every=2):
    return Survey(every).all_of(list_items([folder]))


def test_fingerprints_tell_lists_apart(folder):
    before = survey(folder)
    assert (before.count, before.marks) == (6, survey(folder).marks)
    assert len(before.marks) == 3 and len(survey(folder, 4).marks) == 2
    (folder / "z.png").write_bytes(b"of another size")
    after = survey(folder)
    assert after.marks[:2] == before.marks[:2] and after.marks[2] != before.marks[2]
    (folder / "b.png").rename(folder / "b2.png")
    assert survey(folder).marks[0] != before.marks[0]


def test_names_are_text_whatever_the_files_are_called(tmp_path):
    (tmp_path / os.fsdecode(b"\xff.png")).write_bytes(b"here")
    (item,) = list_items([tmp_path])
    assert item.name == f"{tmp_path}/\\xff.png"
    assert item.read() == b"here"


def test_of_a_shard_label_maps_and_hidden_files_are_no_images(tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w") as shard:
        for name in ("1.jpg", "1.cls", "1.seg.png", "._1.jpg", "2.PNG"):
            shard.addfile(tarfile.TarInfo(name))
    assert [item.name for item in list_items([tmp_path])] == [f"{tmp_path}/a.tar/1.jpg", f"{tmp_path}/a.tar/2.PNG"]


def test_patterns_are_expanded(tmp_path):
    for number in (0, 1, 2):
        with tarfile.open(tmp_path / f"s-{number:03d}.tar", "w") as shard:
            shard.addfile(tarfile.TarInfo("1.jpg"))
    assert len(list(list_items([tmp_path / "s-{000..001}.tar"]))) == 2
    assert len(list(list_items([tmp_path / "s-*.tar"]))) == 3
    with pytest.raises(JobError, match="does not exist"):
        list(list_items([tmp_path / "s-{000..003}.tar"]))


def test_shards_partition_the_images(folder):
    items = list(list_items([folder]))
    shares = [list(Shard(index, 4).of(items)) for index in (1, 2, 3, 4)]
    assert sorted(item.name for share in shares for item in share) == sorted(item.name for item in items)
    assert [len(share) for share in shares] == [2, 2, 1, 1]


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "a/2", "1/", "-1/2"])
def test_shards_that_are_none(text):
    with pytest.raises(JobError, match="a shard is i/n"):
        Shard.parse(text)


def test_what_cannot_be_read(folder, tmp_path):
    with pytest.raises(JobError, match="no such file or folder"):
        list(list_items([tmp_path / "none"]))
    for name in ("shard.tar.gz", "shard.TXZ"):
        packed = tmp_path / name
        packed.write_bytes(b"")
        with pytest.raises(JobError, match="is compressed"):
            list(list_items([packed]))
    (tmp_path / "broken.tar").write_bytes(b"x" * 1000)
    with pytest.raises(JobError, match="is no readable, uncompressed tar"):
        list(list_items([tmp_path / "broken.tar"]))
    with pytest.raises(FileNotFoundError):
        Item("x", tmp_path / "x.png").read()
