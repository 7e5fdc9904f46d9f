import pytest

from serve.errors import JobError
from serve.features.items import Item
from serve.features.reading import Bytes
from serve.features.sources import list_items


def test_members_are_read_in_place(tmp_path, pictures, pack):
    tar = pack(tmp_path / "a.tar", pictures)
    read = Bytes()
    assert [read(item) for item in list_items([tar])] == pictures


def test_what_is_another_than_it_was_ends_the_job(tmp_path, pictures, pack):
    tar, file, gone = pack(tmp_path / "a.tar", pictures), tmp_path / "a.png", tmp_path / "b.png"
    file.write_bytes(b"before")
    gone.write_bytes(b"before")
    items = list(list_items([tar, file, gone]))
    pack(tar, pictures[:3])
    file.write_bytes(b"after")
    gone.unlink()
    for item in (items[0], *items[-2:]):
        with pytest.raises(JobError, match="were changed while they were read"):
            Bytes()(item)


def test_what_was_never_there_is_an_error_of_its_own(tmp_path):
    with pytest.raises(FileNotFoundError):
        Bytes()(Item("a.png", str(tmp_path / "a.png")))
