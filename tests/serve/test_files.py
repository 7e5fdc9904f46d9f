import errno

import pytest

from serve.files import appears_whole


def test_the_file_appears_when_the_block_ends_well(tmp_path):
    with appears_whole(tmp_path / "a") as file:
        file.write_text("new")
        assert not (tmp_path / "a").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_failure_leaves_the_older_file_and_nothing_else(tmp_path):
    (tmp_path / "a").write_text("old")
    with pytest.raises(RuntimeError), appears_whole(tmp_path / "a") as file:
        file.write_text("half")
        raise RuntimeError
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a", "old")]


def test_a_full_disk_is_told_with_the_name_of_the_file(tmp_path):
    with pytest.raises(OSError, match="a'") as caught, appears_whole(tmp_path / "a"):
        raise OSError(errno.ENOSPC, "No space left on device", "elsewhere")
    assert caught.value.errno == errno.ENOSPC
    assert caught.value.filename == str(tmp_path / "a")
