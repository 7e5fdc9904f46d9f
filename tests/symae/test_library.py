"""symae as a library: what `import symae` gives, in a plain PyTorch program."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

import symae
from symae.errors import RunError
from symae.recipes import find
from symae.run import Run

SPEC = dataclasses.replace(symae.network2(), width=1 / 12)
CARD = symae.ModelCard("pretrain", SPEC, crop=24)


@pytest.fixture
def run(tmp_path):
    symae.SymmetricAutoencoder(SPEC).save_pretrained(tmp_path / "run", CARD)
    return tmp_path / "run"


def test_a_run_is_loaded_by_path_by_text_and_by_itself(run):
    expected = symae.SymmetricAutoencoder.from_pretrained(run).state_dict()
    for path in (run, str(run), run / "model.safetensors", Run(run, find("pretrain"), 0, "", "")):
        model = symae.load(path)
        assert isinstance(model, symae.SymmetricAutoencoder)
        assert model.card == CARD
        assert all(torch.equal(tensor, expected[name]) for name, tensor in model.state_dict().items())


def test_what_is_no_run_is_named(tmp_path):
    with pytest.raises(RunError, match="has no weights"):
        symae.load(tmp_path)


def test_bytes_and_fractions_are_the_same_image(run):
    model = symae.load(run)
    pixels = np.random.default_rng(0).integers(0, 256, (20, 31, 3), np.uint8)
    as_bytes = v2.Compose([v2.ToImage()])(Image.fromarray(pixels))[None]
    as_fractions = v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])(Image.fromarray(pixels))[None]
    masks = torch.zeros(1, 20, 31, dtype=torch.bool)
    masks[:, 5:9, 7:12] = True
    for given in ((), (masks,)):
        torch.testing.assert_close(model(as_bytes, *given), model(as_fractions, *given))
    assert model.half().forward_features(as_bytes).dtype == torch.float16


def test_a_plain_loop_trains_it(run, class_folder):
    torch.manual_seed(0)
    prepare = v2.Compose(
        [v2.ToImage(), v2.RandomCrop(24), v2.RandomHorizontalFlip(), v2.ToDtype(torch.float32, scale=True)]
    )
    loader = DataLoader(ImageFolder(str(class_folder / "train"), prepare), batch_size=12, shuffle=True)
    model = symae.Classifier(SPEC, classes=2)
    model.encoder.load_state_dict(symae.load(run).encoder.state_dict())
    optimizer, losses = torch.optim.Adam(model.parameters(), lr=0.01), []
    for _ in range(12):
        for images, labels in loader:
            loss = nn.functional.cross_entropy(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    assert losses[-1] < losses[0] / 2
    model.save_pretrained(
        run.parent / "classes", dataclasses.replace(CARD, stage="classify", classes=("bright", "dark"))
    )
    assert symae.load(run.parent / "classes").card.classes == ("bright", "dark")


def python(code):
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2], check=False)
    assert done.returncode == 0, done.stderr


def test_importing_it_loads_no_torch():
    python(
        "import sys, symae\n"
        "assert {'load', 'SymmetricAutoencoder', 'ModelCard'} <= set(dir(symae))\n"
        "assert not {'torch', 'numpy', 'pydantic', 'serve'} & set(sys.modules)\n"
    )


@pytest.mark.parametrize("wish", ["symae.load('run')", "symae.SymmetricAutoencoder"])
def test_without_torch_it_says_what_to_install(wish):
    python(
        "import sys, symae\nsys.modules['torch'] = None\n"
        f"try: {wish}\n"
        "except ModuleNotFoundError as error:\n"
        "    assert \"torch, which is not installed: pip install 'symae[train]'\" in str(error)\n"
        "else: raise SystemExit('no error')\n"
    )


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'symae' has no attribute 'nothing'"):
        symae.nothing  # noqa: B018
