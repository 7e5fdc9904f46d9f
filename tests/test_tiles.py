"""Large images in tiles against the same images whole: random networks of every stride, and a real server."""

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

from export.graph import AutoencoderGraph, EncoderGraph, SegmenterGraph
from export.repository import add_version
from export.run import export_model
from serve import errors
from serve.calling.requests import reconstruct_request
from serve.client import Client
from serve.config import ServeConfig
from serve.server import load_sessions, running
from serve.tiling import Canvas, Reach, cut, plan
from symae.networks import Layer, NetworkSpec, network1, network2, pyramid, rednet
from symae.weights import ModelCard, build

NETWORKS = {
    "stride 1": dataclasses.replace(rednet(8), width=1 / 16),
    "stride 2": NetworkSpec("two", (Layer(4), Layer(5), Layer(6, stride=2), Layer(6))),
    "stride 2 at once": NetworkSpec("at once", (Layer(4, stride=2), Layer(5), Layer(5)), join="post"),
    "stride 4": dataclasses.replace(network2(), width=1 / 24),
    "stride 6": NetworkSpec("six", (Layer(4, kernel=5), Layer(5, stride=2), Layer(5), Layer(6, stride=3))),
    "stride 8": dataclasses.replace(network1((2, 2, 2, 0)), width=1 / 32),
    "mirrored": pyramid((4, 6, 8)),
}
SIZES = ((173, 211), (257, 129))
CLASSES, COLOURS = ("sky", "cow", "sea"), ((0, 0, 0), (9, 8, 7), (1, 2, 3))
LIMIT = 8192


def randomised(spec, stage):
    """Weights that keep the signal's size, and statistics that are no identity: a wrong border is seen far inside."""
    classes = CLASSES if stage != "pretrain" else ()
    card = ModelCard(stage, spec, 29, classes=classes, colours=COLOURS if stage == "segment" else ())
    model, generator = build(card), torch.Generator().manual_seed(0)
    for part in model.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.bias.data.normal_(generator=generator)
            part.running_mean.normal_(std=0.5, generator=generator)
            part.running_var.uniform_(0.2, 2.0, generator=generator)
        elif isinstance(part, nn.Conv2d | nn.ConvTranspose2d):
            part.weight.data.normal_(std=part.weight[0].numel() ** -0.5, generator=generator)
    return model.eval(), card


def images(*shape):
    return np.random.default_rng(shape[0]).integers(0, 256, shape, dtype=np.uint8)


def compute(graph, inputs):
    with torch.inference_mode():
        outputs = graph(*map(torch.from_numpy, inputs))
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    return dict(zip(graph.outputs, (output.numpy() for output in outputs), strict=True))


def in_tiles(graph, inputs, reach, stride):
    tiles = plan(*inputs[0].shape[1:3], LIMIT, reach)
    assert len(tiles) > 2
    canvas = Canvas(tiles, len(inputs[0]), graph.outputs, stride)
    for index in range(len(inputs[0])):
        for number, tile in enumerate(tiles):
            outputs = compute(graph, cut(inputs, index, tile))
            canvas.put(index, number, [outputs[name] for name in canvas.asked])
    return dict(zip(graph.outputs, canvas.finished(), strict=True))


def assert_same(tiled, whole):
    assert tiled.keys() == whole.keys()
    for name, array in whole.items():
        assert (tiled[name].shape, tiled[name].dtype) == (array.shape, array.dtype)
        if name == "reconstruction":
            assert np.abs(tiled[name].astype(int) - array).max() <= 1
        elif name == "labels":
            assert (tiled[name] != array).mean() < 1e-4
        else:
            np.testing.assert_allclose(tiled[name], array, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("name", NETWORKS)
def test_reconstructions(name, size):
    spec = NETWORKS[name]
    graph = AutoencoderGraph(randomised(spec, "pretrain")[0])
    masks = np.zeros((2, *size), np.uint8)
    masks[1, 40:120, 30:100] = 1  # over the seams
    inputs, reach = (images(2, *size, 3), masks), Reach(spec.stride, spec.halo)
    whole = compute(graph, inputs)
    assert_same(in_tiles(graph, inputs, reach, spec.stride), whole)


@pytest.mark.parametrize("layer", [None, 2])
@pytest.mark.parametrize("name", NETWORKS)
def test_features(name, layer):
    spec = NETWORKS[name]
    layer = layer or len(spec.full)
    stride = int(np.prod([step.stride for step in spec.full[:layer]]))
    graph = EncoderGraph(randomised(spec, "pretrain")[0].encoder, layer)
    inputs, reach = (images(1, *SIZES[0], 3),), Reach(stride, spec.receptive_field(layer) // 2)
    assert_same(in_tiles(graph, inputs, reach, stride), compute(graph, inputs))


@pytest.mark.parametrize("name", [name for name in NETWORKS if name != "stride 2 at once"])
def test_segmentations(name):
    spec = NETWORKS[name]
    graph = SegmenterGraph(randomised(spec, "segment")[0])
    inputs, reach = (images(1, *SIZES[1], 3),), Reach(spec.stride, spec.halo)
    assert_same(in_tiles(graph, inputs, reach, spec.stride), compute(graph, inputs))


@pytest.mark.parametrize("name", NETWORKS)
def test_these_networks_would_show_a_halo_that_is_too_small(name):
    spec = NETWORKS[name]
    graph = AutoencoderGraph(randomised(spec, "pretrain")[0])
    inputs = (images(1, *SIZES[0], 3), np.zeros((1, *SIZES[0]), np.uint8))
    reach = Reach(spec.stride, max(0, spec.halo // 3 - spec.stride))
    tiled, whole = in_tiles(graph, inputs, reach, spec.stride), compute(graph, inputs)
    assert np.abs(tiled["reconstruction"].astype(int) - whole["reconstruction"]).max() > 1


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    for stage in ("pretrain", "segment", "classify"):
        model, card = randomised(NETWORKS["stride 4"], stage)
        for kind, graph in export_model(model, card):
            if stage == "pretrain" or kind != "encoder":
                add_version(folder, "random", kind, graph)
    return folder


@pytest.fixture(scope="module")
def whole(repository):
    """A client of a server that runs the images of these tests whole."""
    yield from served(repository, batch_pixels=1 << 20)


@pytest.fixture(scope="module")
def tiled(repository):
    yield from served(repository, batch_pixels=LIMIT)


def served(repository, **limits):
    config = ServeConfig(address="localhost:0", threads=1, grace=5, **limits)
    with running(load_sessions(repository, config), config) as address, Client(address, timeout=60) as client:
        yield client


PICTURE = images(*SIZES[0], 3)
HOLES = np.zeros(SIZES[0], np.uint8)
HOLES[50:90, 60:130] = 255


@pytest.mark.parametrize("masks", [(), (HOLES, None)], ids=["plain", "masks"])
def test_a_server_reconstructs_the_same_in_tiles(whole, tiled, masks):
    pictures = [PICTURE, PICTURE[::-1]]
    for keep_known in {False, bool(masks)}:
        one, other = (c.reconstruct(pictures, masks=masks, keep_known=keep_known) for c in (whole, tiled))
        for expected, got in zip(one.images, other.images, strict=True):
            assert np.abs(expected.astype(int) - got).max() <= 1
    assert other.timing.run > 0


def test_a_stream_reconstructs_the_same_in_tiles(whole, tiled):
    requests = [reconstruct_request([image], masks=[HOLES]) for image in (PICTURE, PICTURE[:, ::-1], PICTURE // 2)]
    for expected, got in zip(*(c.stream_reconstruct(iter(requests)) for c in (whole, tiled)), strict=True):
        assert np.abs(expected.images[0].astype(int) - got.images[0]).max() <= 1


def test_a_server_embeds_the_same_in_tiles(whole, tiled):
    pictures = [PICTURE, PICTURE[:20, :20], PICTURE[::-1]]
    for feature_maps in (False, True):
        one, other = (c.embed(pictures, keep_size=True, feature_maps=feature_maps) for c in (whole, tiled))
        np.testing.assert_allclose(other.embeddings, one.embeddings, atol=1e-5)
        for expected, got in zip(one.feature_maps, other.feature_maps, strict=True):
            np.testing.assert_allclose(got, expected, atol=1e-5)


def test_a_server_segments_the_same_in_tiles(whole, tiled):
    one, other = (c.segment([PICTURE], probabilities=True) for c in (whole, tiled))
    np.testing.assert_allclose(other.probabilities[0], one.probabilities[0], atol=1e-5)
    assert (other.labels[0] != one.labels[0]).mean() < 1e-4
    np.testing.assert_array_equal(tiled.segment([PICTURE]).labels[0], other.labels[0])


def test_a_classifier_refuses_what_it_cannot_see_whole(whole, tiled):
    assert len(whole.classify([PICTURE]).probabilities) == 1
    with pytest.raises(errors.RequestError, match=r"images\[1\]: a classifier looks at whole images of at most 8192"):
        tiled.classify([PICTURE[:20, :20], PICTURE], keep_size=True)
