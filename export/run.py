"""From a run directory to verified models in a repository: fold, translate, verify, reduce, and only then write."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import onnx

from export.fold import fold, fold_encoder
from export.graph import AutoencoderGraph, ClassifierGraph, EncoderGraph, Graph, SegmenterGraph
from export.onnx import to_onnx
from export.precision import Limits, Precision, Reduced, reduce
from export.repository import add_version, check_interface, check_name
from export.samples import draw, images_of
from export.verify import Difference, verify
from serve.metadata import Kind, ModelMetadata
from symae.errors import InputError
from symae.networks import Classifier, NetworkSpec, SymmetricAutoencoder
from symae.weights import Model, ModelCard, load

__all__ = ["Exported", "export_model", "export_run"]

LABELS = 256  # a label is one byte


@dataclass(frozen=True)
class Exported:
    """One model that was written.

    Attributes:
        kind: which of the four graphs.
        path: of its model.onnx.
        size: of this file, in bytes.
        worst: the difference of its fp32 form from PyTorch that came closest to what is allowed.
        reduced: what a lower precision lost and gained; None: it is fp32.
    """

    kind: Kind
    path: Path
    size: int
    worst: Difference
    reduced: Reduced | None = None


def export_run(
    run: Path,
    repository: Path,
    *,
    name: str | None = None,
    layer: int | None = None,
    precision: Precision = "fp32",
    calibrate: str | None = None,
    limits: Limits | None = None,
) -> list[Exported]:
    """Export what a run has learned: its auto-encoder, classifier or segmenter, and its encoder.

    Args:
        run: run directory, or a file of weights.
        repository: folder of models, made if need be; each model becomes the newest version of NAME-KIND.
        name: of the models; None: that of the run directory.
        layer: the convolution that the encoder's outputs are read after, counted from 1; None: the last.
        precision: of all the models.
        calibrate: images to calibrate and measure a lower precision with; None: those that the run validates on.
        limits: the most that it may lose; None: the usual.

    Returns:
        What was written, in that order. If one model fails its verification, none is.

    Raises:
        InputError: the run has no weights, the name is not safe, the layer does not exist, or NAME-KIND is
            there with other inputs or outputs; or there are no images to calibrate with.
        VerificationError: a graph does not compute what PyTorch computes, or a lower precision loses too much.
    """
    name = check_name(run.resolve().name.removesuffix(".safetensors") if name is None else name)
    model, card = load(run)
    graphs = list(export_model(model, card, layer))
    for kind, graph in graphs:
        check_interface(repository, name, kind, graph)
    verified = [(kind, graph, verify(model, graph)) for kind, graph in graphs]
    reduced = _reduced(run, [graph for _, graph in graphs], precision, calibrate, limits or Limits())
    written = [each.model if each else graph for each, (_, graph) in zip(reduced, graphs, strict=True)]
    return [
        Exported(kind, add_version(repository, name, kind, graph), graph.ByteSize(), worst, each)
        for graph, each, (kind, _, worst) in zip(written, reduced, verified, strict=True)
    ]


def _reduced(
    run: Path, graphs: list[onnx.ModelProto], precision: Precision, calibrate: str | None, limits: Limits
) -> list[Reduced | None]:
    if precision == "fp32":
        return [None] * len(graphs)
    calibration, held_out = draw(*images_of(run, calibrate))
    return [reduce(graph, precision, calibration, held_out, limits) for graph in graphs]


def export_model(model: Model, card: ModelCard, layer: int | None = None) -> Iterator[tuple[Kind, onnx.ModelProto]]:
    """Translate the whole model and then its encoder to ONNX, neither verified nor written; see `export_run`."""
    layers = len(card.network.full)
    layer = layers if layer is None else layer
    if not 1 <= layer <= layers:
        raise InputError(f"layer {layer} does not exist: {card.network.name} has convolutions 1 to {layers}")
    if card.stage == "segment" and len(card.classes) > LABELS:
        raise InputError(f"{len(card.classes)} classes are more than the {LABELS} that labels of a byte can name")
    kind, graph = _task_graph(model, card)
    yield kind, to_onnx(graph, _metadata(kind, card))
    encoder = EncoderGraph(fold_encoder(model.encoder), layer)
    yield "encoder", to_onnx(encoder, _metadata("encoder", card, layer))


def _task_graph(model: Model, card: ModelCard) -> tuple[Kind, Graph]:
    if isinstance(model, SymmetricAutoencoder):
        return "autoencoder", AutoencoderGraph(fold(model))
    if isinstance(model, Classifier):
        return "classifier", ClassifierGraph(fold(model), card.multi_label)
    return "segmenter", SegmenterGraph(fold(model))


def _metadata(kind: Kind, card: ModelCard, layer: int = 0) -> ModelMetadata:
    spec, is_encoder = card.network, kind == "encoder"
    field = spec.receptive_field(layer) if is_encoder else spec.receptive_field()
    return ModelMetadata(
        kind=kind,
        channels=spec.channels,
        crop=card.crop,
        resize=card.resize,
        stride=_stride(spec, layer) if is_encoder else spec.stride,
        receptive_field=field,
        halo={"encoder": field // 2, "classifier": 0}.get(kind, spec.halo),
        classes=() if is_encoder else card.classes,
        colours=() if is_encoder else card.colours,
        multi_label=card.multi_label and kind == "classifier",
        embedding_size=spec.layers[layer - 1].channels if is_encoder else 0,
        layer=layer,
        network=spec.to_dict(),
        recipe=card.recipe,
        commit=card.commit,
        data=card.data,
        quality=dict(card.quality),
    )


def _stride(spec: NetworkSpec, layer: int) -> int:
    return math.prod(step.stride for step in spec.full[:layer])
