"""Fixtures that several wings share: small folders of real image files."""

import importlib.util
import logging
import os
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # some tests import ONNX Runtime before anything of ours
os.environ.setdefault("GOMP_SPINCOUNT", "1000")  # servers and trainers share few cores in the tests
if "PYTEST_XDIST_WORKER" in os.environ:  # and so do the processes that run the tests
    os.environ.setdefault("OMP_NUM_THREADS", "1")


def loggers():
    """All that there are by now."""
    made = logging.root.manager.loggerDict.values()
    return [logging.root, *(logger for logger in made if isinstance(logger, logging.Logger))]


@pytest.fixture(autouse=True)
def logging_as_it_was():
    """Whatever a test asks of logging (a command that is run with -q or -v, say), the next one knows nothing of."""
    before = {logger: (logger.level, logger.handlers[:], logger.propagate, logger.disabled) for logger in loggers()}
    disabled = logging.root.manager.disable
    yield
    logging.disable(disabled)
    for logger in loggers():
        level, handlers, propagate, off = before.get(logger, (logging.NOTSET, [], True, False))
        logger.setLevel(level)
        logger.handlers[:], logger.propagate, logger.disabled = handlers, propagate, off


@pytest.fixture(autouse=True)
def torch_seeded():
    """What a test itself draws without a word of a seed is the same whichever tests ran before it."""
    if torch := sys.modules.get("torch"):
        torch.manual_seed(0)


@pytest.fixture
def interruptible():
    """Ctrl-C is heard, here and in what is started, also where a shell runs us in the background, with it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def borrow():
    """A function that loads the conftest of another folder of tests, by its path from here."""

    def load(place):
        spec = importlib.util.spec_from_file_location("borrowed", Path(__file__).parent / place)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture(scope="session")
def toys(borrow):
    """The small real models of the server's own tests, and what writes them."""
    return borrow("serve/conftest.py")


def blobs(rng, height, width, channels=3):
    """A smooth picture with some structure, (H, W, C) uint8."""
    small = rng.integers(0, 256, (4, 4, channels), dtype=np.uint8)
    grown = (Image.fromarray(small[:, :, c]).resize((width, height)) for c in range(channels))
    return np.stack([np.asarray(layer) for layer in grown], axis=2)


@pytest.fixture(scope="session")
def class_folder(tmp_path_factory):
    """Two classes with parts: bright and dark pictures, 24 to train and 8 to test, 40 x 36."""
    root = tmp_path_factory.mktemp("classes")
    rng = np.random.default_rng(0)
    for part, count in (("train", 12), ("test", 4)):
        for name, shift in (("bright", 60), ("dark", -60)):
            folder = root / part / name
            folder.mkdir(parents=True)
            for number in range(count):
                pixels = np.clip(blobs(rng, 36, 40).astype(int) // 2 + 64 + shift, 0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(folder / f"{number:03}.png")
    return root


@pytest.fixture(scope="session")
def map_folder(tmp_path_factory):
    """Images with label maps: a bright square on a dark ground, 16 of 32 x 32."""
    root = tmp_path_factory.mktemp("maps")
    rng = np.random.default_rng(1)
    for name in ("images", "labels"):
        (root / name).mkdir()
    for number in range(16):
        pixels, labels = blobs(rng, 32, 32) // 4, np.zeros((32, 32), np.uint8)
        top, left = rng.integers(0, 20, 2)
        pixels[top : top + 12, left : left + 12] += 150
        labels[top : top + 12, left : left + 12] = 1
        Image.fromarray(pixels).save(root / "images" / f"{number:03}.png")
        Image.fromarray(labels).save(root / "labels" / f"{number:03}.png")
    (root / "classes.txt").write_text("ground\nsquare\n")
    return root


@pytest.fixture(scope="session")
def label_folder(tmp_path_factory):
    """24 images with several labels each, in a labels.csv: "red" and "blue" as the channels have it."""
    root = tmp_path_factory.mktemp("labels")
    rng = np.random.default_rng(2)
    rows = ["filename,labels"]
    for number in range(24):
        pixels = blobs(rng, 32, 32) // 4
        names = [name for name, present in zip(("red", "blue"), rng.random(2) < 0.6, strict=True) if present]
        for name in names:
            pixels[:, :, 0 if name == "red" else 2] += 150
        Image.fromarray(pixels).save(root / f"{number:03}.png")
        rows.append(f"{number:03}.png,{';'.join(names)}")
    (root / "labels.csv").write_text("\n".join(rows) + "\n")
    return root
