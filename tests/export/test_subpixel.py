import numpy as np
import onnxruntime
import pytest
import torch
import torch.nn.functional as F

from export.run import export_model
from export.subpixel import phases, subpixel
from export.verify import verify
from symae.networks import Layer, NetworkSpec


def interleave(maps, stride):
    """(N, s s C, h, w) to (N, C, s h, s w)."""
    n, channels, height, width = maps.shape
    parts = maps.reshape(n, stride, stride, channels // stride**2, height, width)
    return parts.permute(0, 3, 4, 1, 5, 2).reshape(n, -1, stride * height, stride * width)


@pytest.mark.parametrize(("side", "stride"), [(1, 2), (3, 2), (5, 2), (7, 2), (3, 3), (5, 3), (3, 4)])
def test_phases_compute_the_transposed_convolution(side, stride):
    weight, x = torch.randn(3, 4, side, side).double(), torch.randn(2, 3, 5, 7).double()
    expected = F.conv_transpose2d(x, weight, stride=stride, padding=side // 2, output_padding=stride - 1)
    kernel, before, after = phases(weight.numpy(), stride, side // 2)
    maps = F.conv2d(F.pad(x, (before, after, before, after)), torch.from_numpy(kernel))
    torch.testing.assert_close(interleave(maps, stride), expected)


def test_a_rewritten_graph_is_still_the_trained_network(exported):
    model, graphs = exported("small", "pretrain")
    rewritten = subpixel(graphs["autoencoder"])
    operators = {node.op_type for node in rewritten.graph.node}
    assert "ConvTranspose" in {node.op_type for node in graphs["autoencoder"].graph.node}
    assert not operators & {"ConvTranspose", "DepthToSpace"}
    verify(model, rewritten)


def test_other_kernels_and_strides_are_rewritten(trained):
    model, card = trained(NetworkSpec("odd", (Layer(4, 5, 3), Layer(6, 1, 2), Layer(4))))
    _, graph = next(export_model(model, card))
    verify(model, subpixel(graph))


def test_weights_that_nothing_uses_are_gone(exported):
    _, graphs = exported("small", "pretrain")
    rewritten = subpixel(graphs["autoencoder"])
    used = {name for node in rewritten.graph.node for name in node.input}
    assert {tensor.name for tensor in rewritten.graph.initializer} <= used


def test_a_graph_without_strided_deconvolutions_stays_as_it_is(exported, images):
    _, graphs = exported("small", "pretrain")
    before, after = (
        onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
        for graph in (graphs["encoder"], subpixel(graphs["encoder"]))
    )
    for a, b in zip(before.run(None, {"image": images}), after.run(None, {"image": images}), strict=True):
        np.testing.assert_array_equal(a, b)
