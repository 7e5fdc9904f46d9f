import pytest

from serve.errors import RepositoryError
from serve.repository import find_models, list_versions, read_stamp


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def test_newest_version_of_every_model(tmp_path):
    touch(tmp_path / "b" / "9" / "model.onnx")
    touch(tmp_path / "b" / "10" / "model.onnx")
    touch(tmp_path / "b" / "config.pbtxt")
    (tmp_path / "b" / "11").mkdir()  # half-written: no file yet
    touch(tmp_path / "a" / "1" / "model.onnx")
    touch(tmp_path / "notes" / "readme.txt")
    touch(tmp_path / ".c.partial" / "1" / "model.onnx")  # an export in progress
    assert [(m.name, m.version) for m in find_models(tmp_path)] == [("a", "1"), ("b", "10")]


def test_one_model_by_folder_or_file(tmp_path):
    path = touch(tmp_path / "a" / "2" / "model.onnx")
    for given in (tmp_path / "a", path):
        (model,) = find_models(given)
        assert (model.name, model.version, model.path.resolve()) == ("a", "2", path.resolve())
    (single,) = find_models(touch(tmp_path / "mine.onnx"))
    assert (single.name, single.version) == ("mine", "1")


def test_missing_and_empty(tmp_path):
    with pytest.raises(RepositoryError, match="no such model repository"):
        find_models(tmp_path / "none")
    with pytest.raises(RepositoryError, match=r"no model in .*: expected"):
        find_models(tmp_path)


def test_all_versions_newest_first(tmp_path):
    for version in ("9", "10", "x"):
        touch(tmp_path / "b" / version / "model.onnx")
    assert {name: [m.version for m in found] for name, found in list_versions(tmp_path).items()} == {"b": ["10", "9"]}
    assert list_versions(touch(tmp_path / "c" / "d").parent) == {}


def test_a_stamp_tells_states_of_a_file_apart(tmp_path):
    path = tmp_path / "m"
    assert read_stamp(path) is None and read_stamp(path / "below") is None
    path.write_text("a")
    first = read_stamp(path)
    assert read_stamp(path) == first
    path.write_text("ab")
    second = read_stamp(path)
    path.unlink()
    path.write_text("ab")
    assert len({first, second, read_stamp(path)}) == 3
    assert read_stamp(touch(path.parent / "other" / "f").parent / "f" / "g") is None
