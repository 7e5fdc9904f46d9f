"""The two commands as users run them, and how rows load elsewhere as the docs say."""

import importlib.util
import json
import os
import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from symae.cli import main

spec = importlib.util.spec_from_file_location("house", Path(__file__).parents[1] / "neighbours/conftest.py")
shared = importlib.util.module_from_spec(spec)
spec.loader.exec_module(shared)
house = shared.house


@pytest.fixture(autouse=True)
def _here(house, monkeypatch):
    monkeypatch.chdir(house)


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.mark.parametrize("table", ["features.parquet", "features.npy"])
def test_a_row_and_a_new_image(table, tmp_path):
    page = tmp_path / "new" / "n.html"
    done = run("neighbours", table, "photos/0.png", "new.png", "--k", "2", "--out", page)
    assert done.exit_code == 0, done.output
    shown = [line.split()[-1] for line in done.stdout.splitlines()]
    assert shown == ["photos/0.png", "photos/1.png", "photos/4.png", "new.png", "photos/0.png", "photos/1.png"]
    text = page.read_text()
    assert text.count("data:image/") == 6 and "query" in text and "prefers-color-scheme: dark" in text
    assert not re.search(r'(src|href)="(?!data:)', text)


def test_a_name_that_is_no_utf8_and_more_neighbours_than_there_are_rows(house, tmp_path):
    name = os.fsdecode(os.fsencode(tmp_path) + b"/\xff.png")
    shutil.copy(house / "new.png", name)
    done = run("neighbours", "features.parquet", name, "--k", 10**9, "--out", tmp_path / "n.html")
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[0] == f"{tmp_path}/\\xff.png" and len(done.stdout.splitlines()) == 6
    assert "1 picture is not where" in done.stderr


def test_json_is_alone_on_standard_output():
    done = run("neighbours", "features.parquet", "new.png", "--json", "--k", "1", "--centre")
    (query,) = json.loads(done.stdout)["queries"]
    assert (query["image"], query["row"]) == ("new.png", None)
    (found,) = query["neighbours"]
    assert found.keys() == {"number", "path", "width", "height", "cosine"}
    assert found["path"] == "photos/0.png" and found["cosine"] > 0.9


def test_a_picture_that_is_gone_has_a_placeholder_with_its_name(house, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = run("neighbours", house / "features.parquet", "photos/0.png", "--k", "1", "--out", "n.html")
    assert "2 pictures are not where the table says, seen from this folder" in done.stderr
    text = (tmp_path / "n.html").read_text()
    assert text.count("no picture there") == 2 and "1.png" in text and "data:image" not in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.parquet", "x.png"], "there is no table none.parquet: write one with symae embed"),
        (["photos", "x.png"], "no table of features in the folder photos"),
        (["features.parquet", "x.png"], "x.png is neither a row of features.parquet nor an image file"),
        (["features.parquet", "new.png", "--model", "nowhere"], "no such model repository: nowhere"),
        (["features.parquet", "new.png", "--model", "m", "--address", "h:1"], "both --model and --address are given"),
    ],
)
def test_what_is_wrong_is_one_line(arguments, message):
    done = run("neighbours", *arguments)
    assert (done.exit_code, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert message in done.stderr


def test_a_projector(tmp_path):
    done = run("projector", "features.parquet", "--out", tmp_path / "logs", "--limit", "3", "-q")
    assert (done.exit_code, done.output) == (0, "")
    assert (tmp_path / "logs" / "projector_config.pbtxt").exists()
    again = run("projector", "features.parquet", "--out", tmp_path / "logs")
    assert again.exit_code == 2 and "has a projector already" in again.stderr
