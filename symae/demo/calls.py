"""Call every endpoint of a running server with photographs and scenes that no model was trained on."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from serve.client import Client
from symae.data import DataOptions, Dataset, Target, open_dataset
from symae.randomness import derive_seed
from symae.ui.damage import psnr

__all__ = ["Answers", "Classified", "Latency", "Restored", "Segmented", "call_everything"]

SIGMA = 30.0  # of the noise, on the 0-255 scale
SHOWN = 6  # scenes on the page
CALLS = 60  # that a latency is measured over
Pixels = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Restored:
    """A photograph, what was sent, and what came back; (H, W, 3) uint8; PSNR in dB before and after."""

    name: str
    clean: Pixels
    sent: Pixels
    received: Pixels
    before: float
    after: float


@dataclass(frozen=True, eq=False)
class Segmented:
    """A scene (H, W, 3), its true and its predicted label map (H, W), all uint8."""

    image: Pixels
    truth: Pixels
    labels: Pixels


@dataclass(frozen=True, eq=False)
class Classified:
    """A scene, the classes in it, and the likeliest with their probabilities."""

    image: Pixels
    truth: tuple[str, ...]
    top: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Latency:
    """Milliseconds from call to reply over many calls, one scene each, one caller."""

    call: str
    median: float
    p95: float


@dataclass(frozen=True, eq=False)
class Answers:
    """All that the server answered."""

    denoised: tuple[Restored, ...]
    inpainted: tuple[Restored, ...]
    segmented: tuple[Segmented, ...]
    classified: tuple[Classified, ...]
    colours: tuple[tuple[int, int, int], ...]
    classes: tuple[str, ...]
    latencies: tuple[Latency, ...]
    models: tuple[str, ...]


def call_everything(address: str, scenes: int) -> Answers:
    """Denoise and inpaint the held-out photographs, classify and segment test scenes, time each call.

    Args:
        address: HOST:PORT of a server with the demo's models.
        scenes: how many test scenes there are to choose from.
    """
    photos, maps = _open("photos", Target.NONE), _open("scenes", Target.MAP)
    chosen = [maps[index] for index in np.linspace(0, scenes - 1, SHOWN).astype(int)]
    images = [example.image for example in chosen]
    with Client(address) as client:
        infos = client.models()
        segmenter = next(info for info in infos if info.kind == "segmenter")
        segmentation = client.segment(images)
        classification = client.classify(images, top_k=3, keep_size=True)
        return Answers(
            denoised=tuple(_denoise(client, photos, index) for index in range(len(photos))),
            inpainted=tuple(_inpaint(client, photos, index) for index in range(len(photos))),
            segmented=tuple(
                Segmented(example.image, np.asarray(example.target, np.uint8), labels)
                for example, labels in zip(chosen, segmentation.labels, strict=True)
            ),
            classified=tuple(
                Classified(example.image, _present(np.asarray(example.target), segmenter.classes), top)
                for example, top in zip(chosen, classification.top, strict=True)
            ),
            colours=segmenter.colours,
            classes=segmenter.classes,
            latencies=_latencies(client, images[0], next(i.name for i in infos if i.kind == "encoder")),
            models=tuple(f"{info.name} ({info.kind}, {info.precision}, {info.provider})" for info in infos),
        )


def _open(name: str, target: Target) -> Dataset:
    return open_dataset(name, target=target, part="test", options=DataOptions())


def _denoise(client: Client, photos: Dataset, index: int) -> Restored:
    clean = photos[index].image
    rng = np.random.default_rng(derive_seed("demo", "noise", index))
    sent = np.clip(np.rint(clean + rng.normal(0, SIGMA, clean.shape)), 0, 255).astype(np.uint8)
    received = client.reconstruct([_png(sent)]).images[0]  # as another program would send it: an encoded file
    return Restored(photos.path(index), clean, sent, received, psnr(sent, clean), psnr(received, clean))


def _inpaint(client: Client, photos: Dataset, index: int) -> Restored:
    clean = photos[index].image
    mask = _holes(clean.shape[0], clean.shape[1], np.random.default_rng(derive_seed("demo", "holes", index)))
    sent = np.where(mask[:, :, None] > 0, np.uint8(128), clean)
    received = client.reconstruct([sent], masks=[mask], keep_known=True).images[0]
    return Restored(photos.path(index), clean, sent, received, psnr(sent, clean), psnr(received, clean))


def _holes(height: int, width: int, rng: np.random.Generator) -> Pixels:
    """Sixty small blocks: 255 where a pixel is missing."""
    mask, side = np.zeros((height, width), np.uint8), 10
    for top, left in zip(rng.integers(0, height - side, 60), rng.integers(0, width - side, 60), strict=True):
        mask[top : top + side, left : left + side] = 255
    return mask


def _present(labels: NDArray[np.uint8], classes: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(classes[number] for number in np.unique(labels) if 0 < number < len(classes))


def _latencies(client: Client, image: Pixels, encoder: str) -> tuple[Latency, ...]:
    timed: dict[str, Callable[[], object]] = {
        "Reconstruct": lambda: client.reconstruct([image]),
        "Embed": lambda: client.embed([image], model=encoder),
        "Classify": lambda: client.classify([image]),
        "Segment": lambda: client.segment([image]),
    }
    return tuple(_latency(name, call) for name, call in timed.items())


def _latency(name: str, call: Callable[[], object]) -> Latency:
    times = []
    for _ in range(CALLS):
        began = time.perf_counter()
        call()
        times.append(1000 * (time.perf_counter() - began))
    return Latency(name, float(np.median(times)), float(np.percentile(times, 95)))


def _png(pixels: Pixels) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()
