"""What docs/troubleshooting.md says one sees, typed and seen."""

import contextlib
import json
import re
import shlex
import shutil
import socket
from pathlib import Path

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from PIL import Image

import symae
from serve.features.extract import ExtractOptions, extract
from serve.features.local import Local
from serve.metadata import KEY
from serve.session import RuntimeOptions, open_only
from symae.cli import main
from symae.recipes import find
from symae.run import Run, create

PAGE = (Path(__file__).parents[2] / "docs/troubleshooting.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `(symae .*?)` \| `(.*?)` \|", PAGE, re.MULTILINE)


@pytest.fixture(scope="module")
def newcomer(tmp_path_factory, toys):
    """What somebody has who has begun: photos, a run, models, a table; and things that are not as they should be."""
    here = tmp_path_factory.mktemp("newcomer")
    rng = np.random.default_rng(0)
    for name in ("photos", "labelled/a", "labelled/b", "empty", "texts"):
        (here / name).mkdir(parents=True)
    pictures = (f"{folder}/{n}.png" for folder in ("photos", "labelled/a", "labelled/b") for n in range(3))
    for name in ("photo.jpg", *pictures):
        Image.fromarray(rng.integers(0, 256, (24, 32, 3), np.uint8)).save(here / name)
    (here / "texts/a.txt").write_text("no picture")
    create(Run(here / "runs/half", find("pretrain"), 0, "photos", ""))
    network = find("pretrain").network
    card = symae.ModelCard("pretrain", network, crop=29)
    symae.SymmetricAutoencoder(network).save_pretrained(here / "runs/pretrain", card)
    shutil.copy(here / "runs/half/recipe.json", here / "runs/pretrain")
    for kind in ("autoencoder", "encoder"):
        toys.WRITERS[kind](here / f"models/photos-{kind}/1/model.onnx")
    old = onnx.load(toys.write_autoencoder(here / "old/photos-autoencoder/1/model.onnx"))
    told = json.loads(next(each for each in old.metadata_props if each.key == KEY).value)
    onnx.helper.set_model_props(old, {KEY: json.dumps(told | {"format": 0})})
    onnx.save(old, here / "old/photos-autoencoder/1/model.onnx")
    del old.metadata_props[:]
    (here / "foreign/net/1").mkdir(parents=True)
    onnx.save(old, here / "foreign/net/1/model.onnx")
    session = open_only("encoder", here / "models", RuntimeOptions())
    with contextlib.chdir(here):
        extract(Local(session), ["photos"], Path("features.parquet"), ExtractOptions(), lambda *_: lambda _: None)
    return here


@pytest.fixture(scope="module")
def ports():
    """A port that somebody listens on, and one where nobody does."""
    with socket.create_server(("127.0.0.1", 0)) as taken, socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        yield {"50051": str(taken.getsockname()[1]), "50052": str(reserved.getsockname()[1])}


@pytest.mark.parametrize(("typed", "seen"), ROWS)
def test_who_types_this_sees_that(typed, seen, newcomer, ports, monkeypatch):
    monkeypatch.chdir(newcomer)
    before = sorted(newcomer.rglob("*"))
    for written, real in ports.items():
        typed, seen = typed.replace(written, real), seen.replace(written, real)
    done = CliRunner().invoke(main, shlex.split(typed)[1:])
    said = done.stderr.splitlines()[-1]
    pattern = ".*".join(map(re.escape, seen.split("…")))
    assert re.match(f"symae: {pattern}", said), f"{said}\n{done.output}"
    assert done.exit_code in (1, 2) and "Traceback" not in done.output
    assert sorted(newcomer.rglob("*")) == before


def test_many_mistakes_are_there():
    assert len(ROWS) > 30
