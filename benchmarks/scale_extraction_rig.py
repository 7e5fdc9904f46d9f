"""What extraction is measured with: photographs, an encoder of random weights, and the raw speeds of its two halves."""

from __future__ import annotations

import dataclasses
import importlib.util
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from export.fold import fold_encoder
from export.graph import EncoderGraph
from export.onnx import to_onnx
from export.repository import add_version
from serve.blocks import Fit
from serve.cpu import usable_cpus
from serve.features.extract import ExtractOptions, extract
from serve.features.local import Local
from serve.features.scaled import decode_fitted
from serve.metadata import ModelMetadata
from serve.session import Session
from symae.networks import Encoder, NetworkSpec, network1

RESIZE, CROP = 96, 89  # as for STL-10
SPEC = dataclasses.replace(network1((2, 2, 3, 3), 64), width=0.25)
TINY = dataclasses.replace(network1((2, 2, 3, 3), 64), width=0.02)
BATCHES = (16, 32, 64)
SHIPPED = (
    "skimage/data/astronaut.png",
    "skimage/data/coffee.png",
    "skimage/data/chelsea.png",
    "skimage/data/rocket.jpg",
    "sklearn/datasets/images/china.jpg",
    "sklearn/datasets/images/flower.jpg",
)
SHORTER = 256  # pixels of a photograph's shorter side


def write_photographs(folder: Path, count: int, side: int = SHORTER) -> Path:
    """Cut crops of 4 : 3 out of the photographs that ship with scikit-image and scikit-learn; as JPEG of quality 90."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    photos = [_shipped(name) for name in SHIPPED]
    for index in range(count):
        photo = photos[index % len(photos)]
        height = int(rng.integers(min(photo.size) // 2, int(min(photo.width * 3 / 4, photo.height)) + 1))
        left, top = rng.integers(0, photo.width - height * 4 // 3 + 1), rng.integers(0, photo.height - height + 1)
        crop = photo.crop((left, top, left + height * 4 // 3, top + height))
        crop.resize((side * 4 // 3, side)).save(folder / f"{index:05d}.jpg", quality=90)
    return folder


def network(spec: NetworkSpec = SPEC) -> Encoder:
    """Make the encoder that is measured; its weights are random, which costs what trained ones cost."""
    torch.manual_seed(0)
    return Encoder(spec).eval()


def write_encoder(models: Path, spec: NetworkSpec = SPEC) -> Path:
    """Export it."""
    layer = len(spec.full)
    metadata = ModelMetadata(
        kind="encoder", channels=spec.channels, crop=CROP, resize=RESIZE, stride=spec.stride, layer=layer,
        receptive_field=spec.receptive_field(layer), halo=spec.receptive_field(layer) // 2,
        embedding_size=spec.layers[-1].channels, network=spec.to_dict(), recipe="random weights",
    )  # fmt: skip
    graph = EncoderGraph(fold_encoder(network(spec)), layer)
    return add_version(models, "photos", "encoder", to_onnx(graph, metadata))


@dataclass(frozen=True)
class Speed:
    """Images a second, and what an image costs of all cores together, in seconds of one."""

    rate: float
    cost: float


def timed(count: int, work: Callable[[], object]) -> Speed:
    """Time work that does so many images."""
    began, cpu = time.perf_counter(), time.process_time()
    work()
    return Speed(count / (time.perf_counter() - began), (time.process_time() - cpu) / count)


def decoding(paths: Sequence[Path], fit: Fit) -> Speed:
    """Read, decode and resize on all cores, and nothing else."""

    def one(path: Path) -> int:
        return decode_fitted(path.read_bytes(), channels=3, fit=fit, max_pixels=1 << 25, reduce=True).width

    with ThreadPoolExecutor(usable_cpus()) as pool:
        return timed(len(paths), lambda: sum(pool.map(one, paths)))


def running(session: Session, count: int, batch: int) -> Speed:
    """Run the model on batches in memory, and nothing else."""
    images = np.random.default_rng(0).integers(0, 256, (batch, CROP, CROP, 3), np.uint8)
    runs = max(1, count // batch)
    return timed(runs * batch, lambda: [session.run((images,), ("embedding",)) for _ in range(runs)])


def best_batch(session: Session, count: int) -> int:
    """Choose the batch at which the model alone is fastest."""
    for batch in BATCHES:
        running(session, batch, batch)
    return max(BATCHES, key=lambda batch: running(session, count, batch).rate)


def extracting(session: Session, images: Path, out: Path, batch: int) -> float:
    """Extract as `symae embed` does, from listing the files to the finished table: images a second."""
    options = ExtractOptions(batch=batch, overwrite=True)
    began = time.perf_counter()
    written = extract(Local(session), [images], out, options, lambda *_: lambda _: None)
    if written.failed:
        raise RuntimeError(f"{written.failed} of {written.rows} images could not be read: {written.shown[0]}")
    return written.rows / (time.perf_counter() - began)


def _shipped(name: str) -> Image.Image:
    package, _, rest = name.partition("/")
    origin = importlib.util.find_spec(package)
    assert origin is not None and origin.origin is not None
    with Image.open(Path(origin.origin).parent / rest) as image:
        return image.convert("RGB")
