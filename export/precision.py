"""Graphs of lower precision: made from the verified one of fp32, and held against it before anything is written."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import onnx
from onnxruntime import InferenceSession

from export.half import halve, halve_weights
from export.loss import UNITS, Loss, loss, open_graph, speed
from export.quantize import METHODS, Feed, endings, quantise
from export.samples import Sample
from export.verify import feeds
from serve.metadata import KEY, Kind, ModelMetadata
from symae.errors import VerificationError

__all__ = ["Limits", "Lower", "Precision", "Reduced", "best", "reduce"]

Precision = Literal["fp32", "fp16", "fp16-weights", "int8"]
Lower = Literal["fp16", "fp16-weights", "int8"]


@dataclass(frozen=True)
class Limits:
    """The most that may be lost.

    Attributes:
        decibels: of PSNR, by an auto-encoder.
        points: of a hundred: of right answers or, without labels, of unchanged ones; of the embeddings' mean cosine.
    """

    decibels: float = 0.2
    points: float = 0.5

    def of(self, kind: Kind) -> float:
        """The limit of a kind of model, in its unit."""
        return self.decibels if UNITS[kind] == "dB" else self.points


@dataclass(frozen=True)
class Reduced:
    """A graph of lower precision.

    Attributes:
        model: with what follows in its metadata, under `quality`.
        loss: against fp32, on held-out images.
        speed: images a second over those of fp32, on this CPU.
        size: bytes over those of fp32.
        method: how it was made.
    """

    model: onnx.ModelProto
    loss: Loss
    speed: float
    size: float
    method: str

    def __str__(self) -> str:
        return (
            f"lost {self.loss}; {self.speed:.2f} times as fast on this CPU, {self.size:.2f} of the size ({self.method})"
        )


def reduce(
    model: onnx.ModelProto,
    precision: Lower,
    calibration: Sequence[Sample],
    held_out: Sequence[Sample],
    limits: Limits,
) -> Reduced:
    """Make the fastest graph of lower precision that loses no more than is allowed, and measure it.

    Args:
        model: in fp32, verified.
        precision: "fp16"; "fp16-weights", which computes in fp32; or "int8" for CPUs.
        calibration: what int8 takes the ranges of the activations from.
        held_out: others, to measure on.
        limits: the most that may be lost.

    Raises:
        VerificationError: more is lost, or an output has another shape or values that are no numbers.
    """
    found = best(model, precision, calibration, held_out, limits)
    kind, lost = _about(model).kind, found.loss
    if not lost.value <= limits.of(kind):
        option = "--max-loss-db" if lost.unit == "dB" else "--max-loss-points"
        raise VerificationError(
            f"the {kind} in {found}: {limits.of(kind):g} {lost.unit} are allowed, so nothing was written; "
            f"allow more with {option}, or stay with fp32"
        )
    return found


def best(
    model: onnx.ModelProto,
    precision: Lower,
    calibration: Sequence[Sample],
    held_out: Sequence[Sample],
    limits: Limits,
) -> Reduced:
    """Do as `reduce`, but if all lose more than is allowed, make what loses the least.

    Where int8 loses more than is allowed, more of the graph's end stays in fp32; see `export.quantize`.
    """
    about, exact = _about(model), open_graph(model)
    made: list[tuple[Loss, InferenceSession, onnx.ModelProto, str]] = []
    for candidates in _candidates(model, about.kind, precision, calibration):
        for method, graph in candidates:
            session = open_graph(graph)
            made.append((loss(exact, session, held_out), session, graph, method))
        if min(lost.value for lost, *_ in made) <= limits.of(about.kind):
            break
    lost, session, graph, method = min(made, key=lambda candidate: candidate[0].value)
    _check_shapes(exact, session, about)
    found = Reduced(
        graph, lost, speed(exact, session, held_out[0]), graph.ByteSize() / model.ByteSize(), f"{precision}, {method}"
    )
    _describe(found, about, precision)
    return found


def _candidates(
    model: onnx.ModelProto, kind: Kind, precision: Lower, calibration: Sequence[Sample]
) -> Iterator[Iterator[tuple[str, onnx.ModelProto]]]:
    """Groups of graphs, each with how it was made; the fastest group first, the next for those who need it."""
    if precision != "int8":
        yield iter([("rounded", halve(model) if precision == "fp16" else halve_weights(model))])
        return
    names = [value.name for value in model.graph.input]
    images = [{name: sample.inputs[name] for name in names} for sample in calibration]
    for number, ending in enumerate(endings(model, kind)):
        yield _quantised(model, kind, images, ending, f", layers in fp32 at the end: {ending}" if number else "")


def _quantised(
    model: onnx.ModelProto, kind: Kind, images: Sequence[Feed], ending: int, told: str
) -> Iterator[tuple[str, onnx.ModelProto]]:
    for method in METHODS:
        yield f"calibrated by {method}{told}", quantise(model, kind, images, method, ending)


def _check_shapes(exact: InferenceSession, reduced: InferenceSession, about: ModelMetadata) -> None:
    """Run images of odd and tiny sizes through both."""
    names = [output.name for output in exact.get_outputs()]
    for feed in feeds(about):
        inputs = {wanted.name: feed[wanted.name] for wanted in exact.get_inputs()}
        outputs = zip(names, exact.run(names, inputs), reduced.run(names, inputs), strict=True)
        for name, expected, got in outputs:
            if (got.shape, got.dtype) != (expected.shape, expected.dtype) or not np.isfinite(got).all():
                size = "x".join(map(str, feed["image"].shape[:3]))
                rule = f"expected finite {expected.dtype} {expected.shape}, got {got.dtype} {got.shape}"
                raise VerificationError(f"output {name} of the {about.kind} for images {size}: {rule}")


def _describe(reduced: Reduced, about: ModelMetadata, precision: Lower) -> None:
    lost = "lost_db" if reduced.loss.unit == "dB" else "lost_points"
    measured = {lost: reduced.loss.value, "speed_over_fp32": reduced.speed, "size_over_fp32": reduced.size}
    described = dataclasses.replace(about, precision=precision, quality={**about.quality, **measured})
    onnx.helper.set_model_props(reduced.model, {KEY: described.to_json()})


def _about(model: onnx.ModelProto) -> ModelMetadata:
    return ModelMetadata.from_json({p.key: p.value for p in model.metadata_props}[KEY])
