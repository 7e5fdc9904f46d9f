import os

import pytest

from serve.features.items import Item, Kind
from serve.features.listing import read_part, write_list

ITEMS = [
    Item("a.png", "/x/a.png", length=3, total=3),
    Item("\\xff.png", os.fsdecode(b"/x/\xff.png")),
    Item("t.tar/1.png", "/x/t.tar", Kind.MEMBER, 512, 3, 2048),
    Item("s3://b/t.parquet/7", "s3://b/t.parquet", Kind.ROW, 7, total=9),
    Item("東京.png", "/x/東京.png"),
]


def test_parts_give_back_what_was_written(tmp_path):
    listed = write_list(tmp_path / "list", iter(ITEMS), 2)
    assert listed.count == 5
    assert [item for number in range(3) for item in read_part(tmp_path / "list", number)] == ITEMS


def test_a_path_is_understood_from_anywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_list(tmp_path / "list", [Item("a.png", "a.png"), Item("memory://a.png", "memory://a.png")], 2)
    here, url = read_part(tmp_path / "list", 0)
    assert (here.name, here.file, url.file) == ("a.png", str(tmp_path / "a.png"), "memory://a.png")


@pytest.mark.parametrize(
    "other",
    [
        ITEMS[:-1],
        [*ITEMS[1:], ITEMS[0]],
        [ITEMS[0]._replace(length=4), *ITEMS[1:]],
        [ITEMS[0]._replace(name="b.png"), *ITEMS[1:]],
        [*ITEMS[:2], ITEMS[2]._replace(total=4096), *ITEMS[3:]],
    ],
)
def test_fingerprints_tell_lists_apart(tmp_path, other):
    digest = write_list(tmp_path / "list", ITEMS, 2).digest
    assert write_list(tmp_path / "list", ITEMS, 3).digest == digest
    assert write_list(tmp_path / "list", other, 2).digest != digest
