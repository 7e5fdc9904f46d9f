"""Small real ONNX models of every kind, a repository of them, and a server with its client."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path

import grpc
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from serve.client import Client
from serve.config import ServeConfig
from serve.metadata import KEY, ModelMetadata
from serve.pb.inference import inference_pb2 as pb
from serve.server import load_sessions, running

U8, F32 = TensorProto.UINT8, TensorProto.FLOAT
IMAGE = ("image", U8, ("N", "H", "W", 3))
CLASSES = ("dark", "middling", "bright")
COLOURS = ((0, 0, 0), (200, 0, 0), (0, 0, 200))


def metadata(kind, **changes):
    base = {
        "autoencoder": {},
        "encoder": {"embedding_size": 3, "layer": 1},
        "classifier": {"classes": CLASSES},
        "segmenter": {"classes": CLASSES, "colours": COLOURS},
    }[kind]
    return ModelMetadata(
        **{"kind": kind, "channels": 3, "crop": 16, "resize": None, "stride": 1, "receptive_field": 1} | base | changes
    )


def write_model(path, nodes, inputs, outputs, constants=(), card=None):
    graph = helper.make_graph(
        nodes,
        "model",
        [helper.make_tensor_value_info(*i) for i in inputs],
        [helper.make_tensor_value_info(*o) for o in outputs],
        [numpy_helper.from_array(value, name) for name, value in constants],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    if card is not None:
        helper.set_model_props(model, {KEY: card.to_json()})
    onnx.checker.check_model(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, path)
    return path


def channels_first(scale=1 / 255):
    return [
        helper.make_node("Cast", ["image"], ["float"], to=F32),
        helper.make_node("Transpose", ["float"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Mul", ["planes", "scale"], ["x"]),
    ], [("scale", np.float32(scale))]


def write_autoencoder(path, work=0, **changes):
    """Inverts known pixels and writes 7 where the mask says missing; `work` channels of convolutions for nothing."""
    nodes, constants = _for_nothing(work) if work else ([], [])
    nodes += [
        helper.make_node("Sub", ["nothing" if work else "white", "image"], ["inverted"]),
        helper.make_node("Cast", ["mask"], ["missing_flat"], to=TensorProto.BOOL),
        helper.make_node("Unsqueeze", ["missing_flat", "last"], ["missing"]),
        helper.make_node("Where", ["missing", "seven", "inverted"], ["reconstruction"]),
    ]
    constants += [("white", np.uint8(255)), ("seven", np.uint8(7)), ("last", np.array([3], np.int64))]
    inputs = [IMAGE, ("mask", U8, ("N", "H", "W"))]
    outputs = [("reconstruction", U8, ("N", "H", "W", 3))]
    return write_model(path, nodes, inputs, outputs, constants, metadata("autoencoder", **changes))


def _for_nothing(channels):
    """White pixels, after a convolution whose weights are 0."""
    nodes, constants = channels_first()
    nodes += [
        helper.make_node("Conv", ["x", "weights"], ["maps"], pads=[3] * 4),
        helper.make_node("ReduceMax", ["maps"], ["zeros"], axes=[1], keepdims=1),
        helper.make_node("Transpose", ["zeros"], ["columns"], perm=[0, 2, 3, 1]),
        helper.make_node("Add", ["columns", "full"], ["whites"]),
        helper.make_node("Cast", ["whites"], ["nothing"], to=U8),
    ]
    return nodes, [*constants, ("weights", np.zeros((channels, 3, 7, 7), np.float32)), ("full", np.float32(255))]


def write_encoder(path, **changes):
    """The embedding is the mean colour in [0, 1], the feature map the image itself."""
    nodes, constants = channels_first()
    nodes += [
        helper.make_node("Identity", ["x"], ["feature_map"]),
        helper.make_node("ReduceMean", ["x"], ["embedding"], axes=[2, 3], keepdims=0),
    ]
    outputs = [("embedding", F32, ("N", 3)), ("feature_map", F32, ("N", 3, "H", "W"))]
    return write_model(path, nodes, [IMAGE], outputs, constants, metadata("encoder", **changes))


def write_classifier(path, **changes):
    """The softmax of 10 times the mean colour."""
    nodes, constants = channels_first(10 / 255)
    nodes += [
        helper.make_node("ReduceMean", ["x"], ["logits"], axes=[2, 3], keepdims=0),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    return write_model(
        path, nodes, [IMAGE], [("probabilities", F32, ("N", 3))], constants, metadata("classifier", **changes)
    )


def write_segmenter(path, **changes):
    """Each pixel's class is its largest colour."""
    nodes, constants = channels_first()
    nodes += [
        helper.make_node("Softmax", ["x"], ["probabilities"], axis=1),
        helper.make_node("ArgMax", ["x"], ["winner"], axis=1, keepdims=0),
        helper.make_node("Cast", ["winner"], ["labels"], to=U8),
    ]
    outputs = [("labels", U8, ("N", "H", "W")), ("probabilities", F32, ("N", 3, "H", "W"))]
    return write_model(path, nodes, [IMAGE], outputs, constants, metadata("segmenter", **changes))


WRITERS = {
    "autoencoder": write_autoencoder,
    "encoder": write_encoder,
    "classifier": write_classifier,
    "segmenter": write_segmenter,
}


def repository_index(address, **how):
    """What the Open Inference Protocol lists of a server's models: name, version, state and reason of each."""
    path = "/inference.GRPCInferenceService/RepositoryIndex"
    with grpc.insecure_channel(address) as channel:
        call = channel.unary_unary(
            path, pb.RepositoryIndexRequest.SerializeToString, pb.RepositoryIndexResponse.FromString
        )
        return list(call(pb.RepositoryIndexRequest(**how), timeout=10).models)


@pytest.fixture(scope="session")
def repository(tmp_path_factory) -> Path:
    """One model of each kind: toy-autoencoder and so on."""
    folder = tmp_path_factory.mktemp("models")
    for kind, write in WRITERS.items():
        write(folder / f"toy-{kind}" / "1" / "model.onnx")
    return folder


@pytest.fixture(scope="session")
def config() -> ServeConfig:
    return ServeConfig(
        address="localhost:0", threads=1, max_message_bytes=4 << 20, max_image_pixels=1 << 18, max_request_images=64,
        queue_pixels=1 << 20, grace=5,
    )  # fmt: skip


@pytest.fixture(scope="session")
def address(repository, config):
    with running(load_sessions(repository, config), config) as address:
        yield address


@pytest.fixture
def client(address):
    with Client(address, timeout=20) as client:
        yield client


@pytest.fixture
def serving():
    """A function from a repository to the context of a server's client."""

    @contextmanager
    def start(repository):
        config = ServeConfig(address="localhost:0", threads=1, grace=5)
        with running(load_sessions(repository, config), config) as address, Client(address, timeout=20) as client:
            yield client

    return start


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def raw(repository):
    """A function from kind, outputs and inputs to what ONNX Runtime alone computes."""

    def run(kind, outputs, **inputs):
        path = repository / f"toy-{kind}" / "1" / "model.onnx"
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        return session.run(outputs, inputs)

    return run
