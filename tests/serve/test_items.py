import tarfile

import pytest

from serve.errors import JobError
from serve.items import Item, Shard, list_items, survey


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


def test_fingerprint_tells_lists_apart(folder):
    before = survey(list_items([folder]))
    assert before == survey(list_items([folder]))
    assert before[0] == 6
    (folder / "b.png").rename(folder / "b2.png")
    assert survey(list_items([folder]))[1] != before[1]


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
    packed = tmp_path / "shard.tar.gz"
    packed.write_bytes(b"")
    with pytest.raises(JobError, match="is compressed"):
        list(list_items([packed]))
    (tmp_path / "broken.tar").write_bytes(b"x" * 1000)
    with pytest.raises(JobError, match="is no readable tar shard"):
        list(list_items([tmp_path / "broken.tar"]))
    with pytest.raises(FileNotFoundError):
        Item("x", tmp_path / "x.png").read()
