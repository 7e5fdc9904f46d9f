"""What a model says about itself: a JSON document inside each model.onnx.

It stands under the key `symae` of the ONNX file's metadata. The export writes it and the server
reads it through this one class, so the two cannot drift apart. It needs the standard library alone.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

__all__ = ["KEY", "MAX_BATCH", "Kind", "MetadataError", "ModelMetadata"]

KEY = "symae"
MAX_BATCH = 64  # images that a client may count on being let send at once, here and to Triton, whose limit it is
FORMAT = 1  # raised when an older server could misread the document
Kind = Literal["autoencoder", "encoder", "classifier", "segmenter"]


class MetadataError(ValueError):
    """The document is missing, of an unknown format, or incomplete."""


@dataclass(frozen=True)
class ModelMetadata:
    """One exported model.

    Attributes:
        kind: which of the four graphs this is; it fixes the names of inputs and outputs.
        channels: 3 for RGB, 1 for gray.
        crop: side in pixels of the square crops that the model was trained on.
        resize: shorter side in pixels that images were brought to before the crop; None: left as they are.
        stride: pixels of the input for one pixel of the encoder's last feature map.
        receptive_field: side in pixels of the input region that one value of the encoder's output sees.
        halo: pixels on each side of a place that can influence the output there: of an encoder that of its feature
            map, where map position i is at pixel i * stride; 0 where the output has no places (classifier).
        classes: names of the K classes, in the order of the outputs; empty for auto-encoder and encoder.
        colours: one (red, green, blue) for each class of a segmenter, each 0..255; else empty.
        multi_label: probabilities of a classifier are independent (sigmoid) rather than one distribution.
        embedding_size: D of an encoder; else 0.
        layer: the encoder's layer that is read, counted from 1; 0 where it does not apply.
        precision: how the graph is kept and computed: "fp32", "fp16", "int8"; "fp16-weights" is computed in fp32.
        network: the network's specification, as the training wrote it.
        recipe, commit, data: where the weights come from.
        quality: what was measured, by name, e.g. {"psnr": 28.1}; units are those of the field (dB, per cent).
            Of a lower precision also what it lost and gained: lost_db or lost_points, speed_over_fp32, size_over_fp32.
    """

    kind: Kind
    channels: int
    crop: int
    resize: int | None
    stride: int
    receptive_field: int
    halo: int = 0
    classes: tuple[str, ...] = ()
    colours: tuple[tuple[int, int, int], ...] = ()
    multi_label: bool = False
    embedding_size: int = 0
    layer: int = 0
    precision: str = "fp32"
    network: Mapping[str, Any] = field(default_factory=dict)
    recipe: str = ""
    commit: str = ""
    data: str = ""
    quality: Mapping[str, float] = field(default_factory=dict)

    def to_json(self) -> str:
        """Write the document, keys sorted, on one line."""
        return json.dumps({"format": FORMAT, **dataclasses.asdict(self)}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> ModelMetadata:
        """Read the document; keys that this version does not know are passed over.

        Raises:
            MetadataError: not JSON, another format, a key missing, or an unknown kind.
        """
        try:
            document = json.loads(text)
            version = document["format"]
            if version != FORMAT:
                raise MetadataError(f"metadata of format {version}, expected {FORMAT}: export the model again")
            known = {f.name for f in dataclasses.fields(cls)}
            values = {key: value for key, value in document.items() if key in known}
            values["classes"] = tuple(values.get("classes", ()))
            values["colours"] = tuple(tuple(colour) for colour in values.get("colours", ()))
            values["halo"] = _halo(document)
            metadata = cls(**values)
        except MetadataError:
            raise
        except (TypeError, KeyError, AttributeError, ValueError) as error:
            raise MetadataError(f"metadata is damaged: {error}") from error
        if metadata.kind not in get_args(Kind):
            raise MetadataError(f"unknown kind {metadata.kind!r}, expected one of {', '.join(get_args(Kind))}")
        return metadata


def _halo(document: Mapping[str, Any]) -> int:
    """Read the halo; where an older export did not write it, the largest that the receptive field allows.

    Kernels are odd and padded by half of their side, so an encoder looks half of its field to each side, and a
    decoder, which mirrors it, as far again.
    """
    reach = int(document["receptive_field"]) // 2
    if document["kind"] == "encoder":  # older exports wrote 0
        return max(int(document.get("halo", 0)), reach)
    return int(document.get("halo", 0 if document["kind"] == "classifier" else 2 * reach))
