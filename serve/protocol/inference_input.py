"""ModelInferRequest -> job: everything that a request may have wrong is found here, before it costs anything.

Tensors of pixels become one block as they are. Encoded images, and masks beside them, go through `serve.codec`, whose
rules are those of symae.v1.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from serve import codec
from serve.blocks import Block, Fit, Limits
from serve.compute import Job
from serve.errors import RequestError, UnsupportedError, Violation
from serve.metadata import ModelMetadata
from serve.pb.symae.v1 import symae_pb2 as symae
from serve.protocol.inference_tensor import Received, bad, clip, receive
from serve.tensors import Tensor, inputs_of, outputs_of

__all__ = ["places_of", "read_job", "read_timeout"]

MAX_PARAMETERS = 64
MAX_ID = 1024  # characters; it is sent back
# Parameters that would change where or as what a tensor travels, so that passing over them would be a wrong answer.
UNSUPPORTED = ("shared_memory_region", "classification")


def read_job(request: Any, metadata: ModelMetadata, fit: Fit | None, limits: Limits) -> Job:
    """Read a request, but for its images.

    Args:
        request: a ModelInferRequest.
        metadata: of the model that it means.
        fit: how that model's images are sized.
        limits: what one request may hold.

    Raises:
        RequestError: a name, type, shape, length or number is not as it must be.
        UnsupportedError: it asks for shared memory or for classes as text.
    """
    _check_envelope(request, metadata)
    names, keep_size = _outputs(request, metadata), _keep_size(request)
    received = receive(request, inputs_of(metadata), limits)
    image, mask = received["image"], received.get("mask")
    if mask and mask.count != image.count:
        raise bad(f"{mask.field}.shape", f"expected one mask for each of {image.count} images, got {mask.count}")
    if image.encoded is None and (mask is None or mask.encoded is None):
        if mask and mask.shape != image.shape[:3]:
            raise bad(f"{mask.field}.shape", f"expected {list(image.shape[:3])} as the images, got {list(mask.shape)}")
        return Job(image.count, image.cost, functools.partial(_block, image, mask), image.typed, names, names)
    wanted = [tensor for tensor in outputs_of(metadata) if tensor.name in names]
    sized = image.encoded is not None and metadata.kind in ("encoder", "classifier") and not keep_size
    how = fit if sized else None
    read = functools.partial(_decode, image, mask, wanted, metadata.channels, limits, how)
    return Job(image.count, image.cost, read, True, names, names, how)


def read_timeout(request: Any) -> float:
    """Read the seconds that the answer may take by the parameter "timeout"; 0: no such limit.

    Raises:
        RequestError: it is no number of microseconds.
    """
    if "timeout" not in request.parameters:
        return 0.0
    parameter = request.parameters["timeout"]
    if parameter.WhichOneof("parameter_choice") not in ("int64_param", "uint64_param"):
        raise bad("parameters[timeout]", "expected microseconds as a whole number")
    micros = parameter.int64_param or parameter.uint64_param
    if micros < 0:
        raise bad("parameters[timeout]", f"expected at least 0 microseconds, got {micros}")
    return float(micros) / 1e6


def places_of(request: Any) -> dict[str, int]:
    """Say which input has which name."""
    return {tensor.name: index for index, tensor in enumerate(request.inputs)}


def _check_envelope(request: Any, metadata: ModelMetadata) -> None:
    if len(request.id) > MAX_ID:
        raise bad("id", f"at most {MAX_ID} characters, got {len(request.id)}")
    known = tuple(tensor.name for tensor in inputs_of(metadata))
    if len(request.inputs) > len(known):
        raise bad("inputs", f"this model takes {', '.join(known)}, got {len(request.inputs)} inputs")
    _check_parameters("parameters", request.parameters)
    for index, tensor in enumerate(request.inputs):
        _check_parameters(f"inputs[{index}].parameters", tensor.parameters)


def _check_parameters(field: str, parameters: Any) -> None:
    if len(parameters) > MAX_PARAMETERS:
        raise bad(field, f"at most {MAX_PARAMETERS} parameters, got {len(parameters)}")
    for name in UNSUPPORTED:
        if name in parameters:
            raise UnsupportedError(f"{field}: {name} is not offered here")


def _outputs(request: Any, metadata: ModelMetadata) -> tuple[str, ...]:
    known = tuple(tensor.name for tensor in outputs_of(metadata))
    if not request.outputs:
        return known
    if len(request.outputs) > len(known):
        raise bad("outputs", f"this model gives {', '.join(known)}, each at most once, got {len(request.outputs)}")
    names = [output.name for output in request.outputs]
    for index, name in enumerate(names):
        if name not in known:
            raise bad(f"outputs[{index}].name", f"this model gives {', '.join(known)}, got {clip(name)!r}")
        if name in names[:index]:
            raise bad(f"outputs[{index}].name", f"{name!r} is asked for twice")
        _check_parameters(f"outputs[{index}].parameters", request.outputs[index].parameters)
    return tuple(names)


def _keep_size(request: Any) -> bool:
    if "keep_size" not in request.parameters:
        return False
    parameter = request.parameters["keep_size"]
    if parameter.WhichOneof("parameter_choice") != "bool_param":
        raise bad("parameters[keep_size]", "expected true or false")
    return bool(parameter.bool_param)


def _block(image: Received, mask: Received | None) -> list[Block]:
    return [Block(range(image.count), image.pixels(), mask.pixels() if mask else None)]


def _decode(
    image: Received, mask: Received | None, wanted: Sequence[Tensor], channels: int, limits: Limits, fit: Fit | None
) -> list[Block]:
    """Read images of which some are encoded, or their masks."""
    masks = _masks(mask) if mask else []
    blocks = codec.read_blocks(_images(image), masks, channels=channels, limits=limits, fit=fit)
    if mask and mask.encoded is None:
        _check_sizes(blocks, mask)
    follows = [tensor.name for tensor in wanted if tensor.follows_size]
    if len(blocks) > 1 and follows:
        sizes = ", ".join(f"{block.image.shape[1]} x {block.image.shape[2]}" for block in blocks[:3])
        rule = f"{', '.join(follows)} would have a shape for each size of image, and images of several sizes came"
        raise RequestError(Violation("images", f"{rule} ({sizes}): send those of one size together"))
    return blocks


def _check_sizes(blocks: Sequence[Block], mask: Received) -> None:
    """Masks of 4 x 6 are as long as those of 6 x 4, which is all that the codec sees."""
    for block in blocks:
        if block.image.shape[1:3] != mask.shape[1:]:
            expected = f"expected the image's {block.image.shape[1:3]} (H, W), got {mask.shape[1:]}"
            raise RequestError(Violation(f"masks[{block.where[0]}]", expected))


def _images(image: Received) -> list[Any]:
    if image.encoded is not None:
        return [symae.Image(encoded=data) for data in image.encoded]
    height, width, channels = image.shape[1:]
    rows = (row.tobytes() for row in image.pixels())
    return [symae.Image(raw=symae.RawImage(data=r, height=height, width=width, channels=channels)) for r in rows]


def _masks(mask: Received) -> list[Any]:
    if mask.encoded is not None:
        return [symae.Mask(encoded=data) for data in mask.encoded]
    return [symae.Mask(raw=row.tobytes()) for row in mask.pixels()]
