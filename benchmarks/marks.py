"""Images that carry their caller's mark through a model, so that an answer to somebody else is seen.

The model gives back the inverted image, after a convolution whose weights are 0 and whose only use is its cost. Pixels
are drawn from the call's number, and the first eight bytes are that number: a wrong answer tells whose it was.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from serve.metadata import KEY, ModelMetadata

__all__ = ["NAME", "add_version", "judge", "picture", "write_model"]

NAME = "marks"
SIDE = 48  # of most images
KERNEL = 7
RIGHT, FOREIGN, DAMAGED = "right", "foreign", "damaged"
CARD = ModelMetadata("autoencoder", channels=3, crop=SIDE, resize=None, stride=1, receptive_field=1)


def write_model(path: Path, channels: int) -> Path:
    """Write the model.

    Args:
        path: of the model.onnx.
        channels: of the useless convolution; 64 cost 0.04 GFLOP for an image of 48 x 48.
    """
    nodes = [
        helper.make_node("Cast", ["image"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["floats"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["planes", "weights"], ["maps"], pads=[KERNEL // 2] * 4),
        helper.make_node("ReduceMax", ["maps"], ["zeros"], axes=[1], keepdims=1),
        helper.make_node("Add", ["zeros", "full"], ["whites"]),
        helper.make_node("Cast", ["whites"], ["bytes"], to=TensorProto.UINT8),
        helper.make_node("Transpose", ["bytes"], ["white"], perm=[0, 2, 3, 1]),
        helper.make_node("Sub", ["white", "image"], ["inverted"]),
        helper.make_node("Cast", ["mask"], ["missing_flat"], to=TensorProto.BOOL),
        helper.make_node("Unsqueeze", ["missing_flat", "last"], ["missing"]),
        helper.make_node("Where", ["missing", "image", "inverted"], ["reconstruction"]),
    ]
    constants = {
        "weights": np.zeros((channels, 3, KERNEL, KERNEL), np.float32),
        "full": np.float32(255),
        "last": np.array([3], np.int64),
    }
    image, flat = ("N", "H", "W", 3), ("N", "H", "W")
    graph = helper.make_graph(
        nodes,
        NAME,
        [
            helper.make_tensor_value_info("image", TensorProto.UINT8, image),
            helper.make_tensor_value_info("mask", TensorProto.UINT8, flat),
        ],
        [helper.make_tensor_value_info("reconstruction", TensorProto.UINT8, image)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {KEY: CARD.to_json()})
    onnx.checker.check_model(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, path)
    return path


def add_version(models: Path, version: int, *, damaged: bool = False) -> None:
    """Add a version to the repository at one stroke, as the export does, and remove all but the newest three.

    Args:
        models: the repository, with at least one version.
        version: its number.
        damaged: half of a file.
    """
    folder = models / NAME
    versions = sorted(int(path.name) for path in folder.iterdir() if path.name.isdecimal())
    data = (folder / str(versions[0]) / "model.onnx").read_bytes() if not damaged else b"\x08\x08half"
    partial = models / f".{version}.partial"
    partial.mkdir()
    (partial / "model.onnx").write_bytes(data)
    partial.rename(folder / str(version))
    for old in versions[:-2]:
        shutil.rmtree(folder / str(old))


def picture(number: int, height: int = SIDE, width: int = SIDE) -> NDArray[np.uint8]:
    """Draw the image (H, W, 3) of a number, at least 3 pixels of it."""
    image = np.random.default_rng(number).integers(0, 256, height * width * 3, dtype=np.uint8)
    image[:8] = np.frombuffer(number.to_bytes(8, "little"), np.uint8)
    return image.reshape(height, width, 3)


def judge(sent: NDArray[np.uint8], got: NDArray[np.uint8]) -> str:
    """Tell whether an answer is the one to what was sent, to somebody else, or to nobody."""
    if sent.shape == got.shape and np.array_equal(255 - sent, got):
        return RIGHT
    marks = [bytes(array.reshape(-1)[:8]) for array in (sent, 255 - got)]
    return DAMAGED if marks[0] == marks[1] else FOREIGN
