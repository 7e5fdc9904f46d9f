import json

import pytest

from symae.errors import RunError
from symae.recipes import find
from symae.run import Run, commit, create, open_run


def run_at(path) -> Run:
    return Run(path, find("pretrain"), seed=3, data="photos", fingerprint="f")


def test_what_was_created_is_what_is_opened(tmp_path):
    create(run_at(tmp_path / "a" / "b"), device="the CPU")
    assert open_run(tmp_path / "a" / "b") == run_at(tmp_path / "a" / "b")
    written = json.loads((tmp_path / "a" / "b" / "recipe.json").read_text())
    assert {"commit", "versions", "device", "seed", "data"} <= set(written)


def test_an_update_keeps_where_the_run_comes_from(tmp_path):
    create(run_at(tmp_path), device="the CPU")
    file = tmp_path / "recipe.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "commit": "then"}))
    open_run(tmp_path).update()
    assert json.loads(file.read_text())["commit"] == "then"


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"recipe": {}}'])
def test_a_damaged_recipe_is_refused(tmp_path, text):
    (tmp_path / "recipe.json").write_text(text)
    with pytest.raises(RunError, match="damaged"):
        open_run(tmp_path)


def test_a_directory_that_is_in_use_or_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path, tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(RunError, match=r"exists already|cannot be made"):
            create(run_at(path))


def test_the_commit_is_empty_without_git(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert commit() == ""
