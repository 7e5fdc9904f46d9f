"""The same numbers from every engine: PyTorch on the CPU, PyTorch on the device, ONNX Runtime on the device.

All in float32, with TF32 off. The networks are of full size, with drawn weights and statistics of BN as training
leaves them; every kind of graph that `symae export` writes is compared.
"""

from __future__ import annotations

import copy
import dataclasses
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import onnx
import torch
from torch import Tensor

from benchmarks.gpu.options import Options
from benchmarks.gpu.plan import NETWORKS, Task
from export.run import export_model
from export.verify import TOLERANCE, verify
from serve.metadata import Kind
from serve.providers import RuntimeOptions, open_runtime
from serve.repository import ModelFile
from symae.corruption import Corrupted
from symae.device import Device, parse_device
from symae.errors import FailureError, VerificationError
from symae.networks import NetworkSpec
from symae.randomness import generator
from symae.results import Result
from symae.run import commit
from symae.stages import classification_loss, multi_label_loss, reconstruction_loss, segmentation_loss
from symae.start import draw_weights
from symae.weights import Model, ModelCard, build

__all__ = ["GRADIENT", "against_cpu", "against_onnx"]

GRADIENT = 5e-2  # of a gradient over all weights, relative to its norm; in float32 alone it is off by 6e-3 in network 1
CROP, BATCH = 29, 8
CLASSES = ("first", "second", "third")
LOSSES = {
    "autoencoder": reconstruction_loss,
    "classifier": classification_loss,
    "multi-label classifier": multi_label_loss,
    "segmenter": segmentation_loss,
}


def against_cpu(task: Task, options: Options) -> list[Result]:
    """Compare PyTorch on the device with PyTorch on the CPU: outputs, loss and gradient of every stage.

    Raises:
        FailureError: a difference is too large.
    """
    device, spec, values, wrong = parse_device(options.device), _spec(task, options), {}, []
    with without_tf32():
        for name, (model, _) in _models(spec):
            for what, difference, allowed in _compare(name, model, device.torch):
                values[f"{name} {what}"] = difference
                if not difference <= allowed:
                    wrong.append(f"{name} {what} differs by {difference:.3g}, allowed {allowed:g}")
    return [_checked(task, spec, values, wrong, device)]


def against_onnx(task: Task, options: Options) -> list[Result]:
    """Compare ONNX Runtime on the device with PyTorch on the CPU and on the device, for every kind of graph.

    Raises:
        FailureError: a difference is too large, or ONNX Runtime does not run on the device.
    """
    device, spec, values, wrong = parse_device(options.device), _spec(task, options), {}, []
    with without_tf32(), TemporaryDirectory() as folder:
        for name, (model, card) in _models(spec):
            graphs = 2 if name == "autoencoder" else 1  # the encoder's would be the same again
            for kind, graph in itertools.islice(export_model(model, card), graphs):
                runtime = _runtime(kind, graph, Path(folder), device)
                for place in dict.fromkeys(("cpu", device.torch.type)):
                    try:
                        worst = verify(copy.deepcopy(model).to(place), graph, runtime)
                        values[f"{name} {kind} from {place}: {worst.output}"] = worst.value
                    except VerificationError as error:
                        wrong.append(f"{name} {kind} from {place}: {error}")
    return [_checked(task, spec, values, wrong, device)]


@contextmanager
def without_tf32() -> Iterator[None]:
    """Compute products of float32 in float32 while the block runs."""
    backends = (torch.backends.cuda.matmul, torch.backends.cudnn)
    before = [backend.allow_tf32 for backend in backends]
    try:
        for backend in backends:
            backend.allow_tf32 = False
        yield
    finally:
        for backend, allowed in zip(backends, before, strict=True):
            backend.allow_tf32 = allowed


def _spec(task: Task, options: Options) -> NetworkSpec:
    spec = NETWORKS[task.network]
    return dataclasses.replace(spec, width=4 / spec.full[0].channels) if options.smoke else spec


def _models(spec: NetworkSpec) -> Iterator[tuple[str, tuple[Model, ModelCard]]]:
    colours = ((0, 0, 0), (128, 0, 0), (0, 128, 0))
    cards = {
        "autoencoder": ModelCard("pretrain", spec, CROP),
        "classifier": ModelCard("classify", spec, CROP, classes=CLASSES),
        "multi-label classifier": ModelCard("classify", spec, CROP, classes=CLASSES, multi_label=True),
        "segmenter": ModelCard("segment", spec, CROP, classes=CLASSES, colours=colours),
    }
    for name, card in cards.items():
        if spec.full[0].stride == 1 or name != "segmenter":  # which needs a stride of 1 there
            yield name, (_settled(card), card)


def _settled(card: ModelCard) -> Model:
    """Build a network whose statistics of BN belong to its weights, as after training."""
    model = build(card)
    draw_weights(model, "he", 0)
    model.encoder.mean.fill_(0.45)
    model.encoder.std.fill_(0.25)
    model.train()
    with torch.no_grad():
        for step in range(3):
            model(_images(card.network, step))
    return model.eval()


def _images(spec: NetworkSpec, step: int) -> Tensor:
    return torch.rand(BATCH, spec.channels, CROP, CROP, generator=generator("cpu", "parity", step))


def _compare(name: str, model: Model, device: torch.device) -> Iterator[tuple[str, float, float]]:
    """Yield what was compared, its relative difference, and the largest one that passes."""
    other, images = copy.deepcopy(model).to(device), _images(model.spec, 3)
    with torch.inference_mode():
        expected, got = model(images), other(images.to(device)).cpu()
    yield "output", ((got - expected).abs().max() / expected.abs().max().clamp(min=1)).item(), TOLERANCE
    expected_loss, expected_gradient = _gradient(name, model, images)
    loss, gradient = _gradient(name, other, images.to(device))
    yield "loss", abs(loss - expected_loss) / abs(expected_loss), TOLERANCE
    yield "gradient", ((gradient - expected_gradient).norm() / expected_gradient.norm()).item(), GRADIENT


def _gradient(name: str, model: Model, images: Tensor) -> tuple[float, Tensor]:
    """Compute one step's loss and its gradient by all weights, on the CPU in float64."""
    draws = generator("cpu", "parity", name)
    masks = torch.rand(len(images), CROP, CROP, generator=draws) < 0.25
    targets = {
        "classifier": torch.randint(len(CLASSES), (len(images),), generator=draws),
        "multi-label classifier": torch.randint(2, (len(images), len(CLASSES)), generator=draws, dtype=torch.uint8),
        "segmenter": torch.randint(len(CLASSES), (len(images), CROP, CROP), generator=draws, dtype=torch.uint8),
    }.get(name)
    device = images.device
    model.train()
    loss = LOSSES[name](
        model, images, Corrupted(images, masks.to(device)), None if targets is None else targets.to(device)
    )
    loss.backward()
    gradients = [weight.grad.flatten().cpu().double() for weight in model.parameters() if weight.grad is not None]
    return loss.item(), torch.cat(gradients)


def _runtime(kind: Kind, graph: onnx.ModelProto, folder: Path, device: Device) -> object:
    """Open a graph as `symae serve` does, on the device and nowhere else."""
    wanted = "CUDA" if device.torch.type == "cuda" else "CPU"
    path = folder / "model.onnx"
    path.write_bytes(graph.SerializeToString())
    runtime = open_runtime(ModelFile(kind, "1", path), RuntimeOptions((wanted,), tf32=False))
    if runtime.get_providers()[0] != f"{wanted}ExecutionProvider":
        raise FailureError(f"ONNX Runtime runs on {runtime.get_providers()[0]}, not on {wanted}: see the log")
    return runtime


def _checked(task: Task, spec: NetworkSpec, values: dict[str, float], wrong: list[str], device: Device) -> Result:
    for name, value in values.items():
        print(f"{name}: {value:.3g}")
    if wrong:
        raise FailureError("; ".join(wrong))
    network = f"{spec.name} x {spec.width:g}"
    return Result(task.kind, values, "random images", "test", 0, commit(), device.describe(), network=network)
