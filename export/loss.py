"""What a graph of lower precision loses against that of fp32, and what it gains: on the same images, on this CPU."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime import InferenceSession, SessionOptions

from export.samples import Sample
from serve.cpu import usable_cpus
from serve.metadata import KEY, ModelMetadata
from symae.data.dataset import VOID

__all__ = ["UNITS", "Loss", "loss", "open_graph", "speed"]

UNITS = {"autoencoder": "dB", "encoder": "points", "classifier": "points", "segmenter": "points"}
ROUNDS = 5
Outputs = Mapping[str, NDArray[np.generic]]


@dataclass(frozen=True)
class Loss:
    """How much worse the answers are.

    Attributes:
        value: mean over the images; below 0 where they are better.
        unit: "dB", or "points" of a hundred.
        what: in words, what was compared.
        images: how many it was measured on.
    """

    value: float
    unit: str
    what: str
    images: int

    def __str__(self) -> str:
        return f"{self.value:.3f} {self.unit} of {self.what} on {self.images} images"


def open_graph(model: onnx.ModelProto) -> InferenceSession:
    """Open a graph on this CPU, with the threads that a server would have."""
    options = SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = usable_cpus(), 1
    options.log_severity_level = 3
    return InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def loss(exact: InferenceSession, reduced: InferenceSession, samples: Sequence[Sample]) -> Loss:
    """Compare the answers of two graphs of one model.

    Auto-encoders: PSNR against the clean images. Encoders: cosine of the embeddings. Classifiers and segmenters:
    right answers where the images have labels, else answers that stayed as they were.

    Args:
        exact: in fp32, with the metadata inside.
        reduced: its other form.
        samples: at least one.
    """
    about = ModelMetadata.from_json(exact.get_modelmeta().custom_metadata_map[KEY])
    labelled = samples[0].targets is not None
    what, compare = _comparison(about, labelled)
    lost, count = 0.0, 0
    for sample in samples:
        values = compare(_run(exact, sample), _run(reduced, sample), sample)
        lost, count = lost + float(values.sum()), count + len(values)
    return Loss(lost / count, UNITS[about.kind], what, count)


def speed(exact: InferenceSession, reduced: InferenceSession, sample: Sample, rounds: int = ROUNDS) -> float:
    """Measure images a second of `reduced` over those of `exact`: in turn, the median of the rounds."""
    ratios = []
    for number in range(rounds + 1):
        before, after = _seconds(exact, sample), _seconds(reduced, sample)
        if number:  # the first warms up
            ratios.append(before / after)
    return statistics.median(ratios)


Values = NDArray[np.float64]  # (N,), what each image loses
Comparison = Callable[[Outputs, Outputs, Sample], Values]


def _comparison(about: ModelMetadata, labelled: bool) -> tuple[str, Comparison]:
    match about.kind, labelled:
        case "autoencoder", _:
            return "PSNR", _psnr_lost
        case "encoder", _:
            return "cosine", _cosine_lost
        case "classifier", True if not about.multi_label:
            return "accuracy", _right_lost
        case "segmenter", True:
            return "pixel accuracy", _right_lost
        case "classifier", _ if about.multi_label:
            return "agreement with fp32", _decisions_changed
        case _:
            return "agreement with fp32", _changed


def _psnr_lost(exact: Outputs, reduced: Outputs, sample: Sample) -> Values:
    before, after = (_psnr(outputs["reconstruction"], sample.clean) for outputs in (exact, reduced))
    lost: Values = before - after
    return lost


def _psnr(images: NDArray[np.generic], clean: NDArray[np.uint8]) -> Values:
    squares = (images.astype(np.float64) - clean) ** 2
    values: Values = 10 * np.log10(255**2 / np.maximum(squares.mean((1, 2, 3)), 1e-2))  # of equal images: 68 dB
    return values


def _cosine_lost(exact: Outputs, reduced: Outputs, _: Sample) -> Values:
    a, b = (outputs["embedding"].astype(np.float64) for outputs in (exact, reduced))
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    cosines: Values = (a * b).sum(1) / np.maximum(lengths, 1e-12)
    return np.where((a == b).all(1), 0.0, 100 * (1 - cosines))


def _right_lost(exact: Outputs, reduced: Outputs, sample: Sample) -> Values:
    assert sample.targets is not None
    counted = sample.targets != VOID if sample.targets.ndim > 1 else np.ones(len(sample.targets), bool)
    before, after = ((_answers(outputs) == sample.targets) & counted for outputs in (exact, reduced))
    lost = 100.0 * (before.astype(np.float64) - after)
    share: Values = lost.reshape(len(lost), -1).sum(1) / np.maximum(counted.reshape(len(lost), -1).sum(1), 1)
    return share


def _changed(exact: Outputs, reduced: Outputs, _: Sample) -> Values:
    changed = _answers(exact) != _answers(reduced)
    share: Values = 100.0 * changed.reshape(len(changed), -1).mean(1)
    return share


def _decisions_changed(exact: Outputs, reduced: Outputs, _: Sample) -> Values:
    """Of several labels an image: whether each is there, by a probability of a half."""
    before, after = (np.asarray(outputs["probabilities"], np.float64) >= 0.5 for outputs in (exact, reduced))
    share: Values = 100.0 * (before != after).mean(1)
    return share


def _answers(outputs: Outputs) -> NDArray[np.generic]:
    """The class of each image (N,) or pixel (N, H, W)."""
    return outputs["labels"] if "labels" in outputs else outputs["probabilities"].argmax(1)


def _run(session: InferenceSession, sample: Sample) -> Outputs:
    names = [output.name for output in session.get_outputs()]
    feed = {wanted.name: sample.inputs[wanted.name] for wanted in session.get_inputs()}
    return dict(zip(names, session.run(names, feed), strict=True))


def _seconds(session: InferenceSession, sample: Sample) -> float:
    began = time.perf_counter()
    _run(session, sample)
    return time.perf_counter() - began
