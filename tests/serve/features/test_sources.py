import os
import tarfile

import pytest

from serve.errors import JobError
from serve.features.items import Kind
from serve.features.reading import Bytes
from serve.features.sources import list_items


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "images"
    for name in ("b.png", "a.JPG", "sub/c.webp", ".hidden.png", ".cache/d.png", "notes.md", "z.png"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    with tarfile.open(root / "shard.tar", "w") as shard:
        for name in ("b.png", "sub/c.webp", "notes.md"):
            shard.add(root / name, arcname=name)
    return root


def test_one_order_and_every_image_readable(folder):
    items = list(list_items([folder, folder / "notes.md"]))
    names = [item.name.removeprefix(f"{folder}/") for item in items]
    expected = ["a.JPG", "b.png", "shard.tar/b.png", "shard.tar/sub/c.webp", "sub/c.webp", "z.png", "notes.md"]
    assert names == expected
    assert [Bytes()(item).decode() for item in items] == [name.removeprefix("shard.tar/") for name in expected]


def test_names_are_text_whatever_the_files_are_called(tmp_path):
    (tmp_path / os.fsdecode(b"\xff.png")).write_bytes(b"here")
    (item,) = list_items([tmp_path])
    assert item.name == f"{tmp_path}/\\xff.png"
    assert Bytes()(item) == b"here"


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


def test_a_list_names_images_folders_and_shards_and_what_is_missing_is_an_image_with_an_error(folder, tmp_path):
    wanted = tmp_path / "wanted.txt"
    wanted.write_text("images/z.png\n\n# a remark\nimages/sub\nimages/shard.tar\nimages/none.png\nmemory://x/y.jpg\n")
    items = list(list_items([wanted]))
    names = [item.name.removeprefix(f"{folder}/") for item in items]
    expected = ["z.png", "sub/c.webp", "shard.tar/b.png", "shard.tar/sub/c.webp", "none.png", "memory://x/y.jpg"]
    assert names == expected
    assert Bytes()(items[1]) == b"sub/c.webp"
    with pytest.raises(FileNotFoundError):
        Bytes()(items[4])


def test_rows_of_a_table_are_images_but_not_those_of_a_folder(tmp_path, pictures, tabulate):
    (tmp_path / "images").mkdir()
    path = tabulate(tmp_path / "images" / "train.parquet", pictures)
    items = list(list_items([path]))
    assert [item.name for item in items] == [f"{path}/{row}" for row in range(10)]
    assert all(item.kind is Kind.ROW for item in items)
    assert list(list_items([tmp_path / "images"])) == []


def test_lists_that_cannot_be_read(tmp_path):
    with pytest.raises(JobError, match=r"the list .*none\.txt cannot be read"):
        list(list_items([tmp_path / "none.txt"]))
