import dataclasses
import json

import pytest

from symae.errors import RecipeError
from symae.networks import Layer, NetworkSpec, network1, network2, network3, rednet, wide_resnet

CIFAR, STL = network1((5, 5, 5, 0), 128), network1((2, 2, 3, 3), 64)
PAPER = {"cifar": CIFAR, "stl": STL, "network2": network2(), "network3": network3()}


@pytest.mark.parametrize(
    ("name", "channels", "strided"),
    [
        ("cifar", [128] * 5 + [256] * 5 + [512] * 5, [5, 10, 15]),
        ("stl", [64] * 2 + [128] * 2 + [256] * 3 + [512] * 3, [2, 4, 7, 10]),
        ("network2", [96] * 3 + [192] * 5, [3, 6]),
        ("network3", [64] * 2 + [128] * 2 + [256] * 3 + [512] * 6, [2, 4, 7, 10, 13]),
    ],
)
def test_layers_are_those_of_table_1(name, channels, strided):
    spec = PAPER[name]
    assert [layer.channels for layer in spec.layers] == channels
    assert [i for i, layer in enumerate(spec.layers, 1) if layer.stride == 2] == strided
    assert spec.stride == 2 ** len(strided)
    assert [i for i, layer in enumerate(spec.layers, 1) if layer.kernel == 1] == ([8] if name == "network2" else [])


@pytest.mark.parametrize(
    ("name", "joined"),
    [
        ("cifar", (2, 4, 6, 8, 10, 12, 14)),
        ("stl", (2, 4, 6, 8)),
        ("network2", (2, 4, 6)),
        ("network3", (2, 4, 6, 8, 10, 12)),
    ],
)
def test_every_second_convolution_is_joined(name, joined):
    spec = PAPER[name]
    assert spec.joined == joined
    assert spec.input_to_output
    alone = dataclasses.replace(spec, shortcuts="input-output")
    assert (alone.joined, alone.input_to_output) == ((), True)
    none = dataclasses.replace(spec, shortcuts="none")
    assert (none.joined, none.input_to_output) == ((), False)


def test_blocks_are_joined_at_their_ends():
    spec = NetworkSpec("blocks", (Layer(4),) * 7, residual=True)
    assert spec.ends == (1, 3, 5, 7)
    assert spec.joined == (1, 3, 5)
    assert dataclasses.replace(spec, shortcuts="input-output").joined == ()
    assert dataclasses.replace(spec, residual=False).ends == ()


def test_blocks_that_change_channels_or_size_have_a_projection():
    layers = (Layer(4), Layer(4), Layer(4), Layer(6), Layer(8), Layer(8, stride=2), Layer(8, stride=3))
    spec = NetworkSpec("blocks", layers, residual=True)
    assert spec.projections == {5: Layer(8, kernel=1), 7: Layer(8, kernel=1, stride=6)}
    assert dataclasses.replace(spec, width=1 / 8).projections == {7: Layer(1, kernel=1, stride=6)}
    assert dataclasses.replace(spec, residual=False).projections == {}


@pytest.mark.parametrize("count", [1, 2, 6])
def test_blocks_need_one_convolution_and_then_pairs(count):
    with pytest.raises(RecipeError, match=f"odd number of at least 3, got {count}"):
        NetworkSpec("blocks", (Layer(4),) * count, residual=True)


@pytest.mark.parametrize(
    ("name", "field"),
    [
        # 2 for each 3x3 convolution, times the strides before it
        ("cifar", 1 + 2 * (5 * 1 + 5 * 2 + 5 * 4)),
        ("stl", 1 + 2 * (2 * 1 + 2 * 2 + 3 * 4 + 3 * 8)),
        ("network2", 1 + 2 * (3 * 1 + 3 * 2 + 1 * 4)),
        ("network3", 1 + 2 * (2 * 1 + 2 * 2 + 3 * 4 + 3 * 8 + 3 * 16)),
    ],
)
def test_receptive_field(name, field):
    assert PAPER[name].receptive_field() == field
    assert PAPER[name].receptive_field(1) == 3
    assert PAPER[name].receptive_field(2) == 5


@pytest.mark.parametrize(
    ("name", "size", "ends"),
    [
        ("cifar", 29, [29, 15, 8, 4]),
        ("stl", 89, [89, 45, 23, 12, 6]),
        ("network2", 29, [29, 15, 8]),
        ("network3", 225, [225, 113, 57, 29, 15, 8]),
        ("network3", 1, [1]),
        ("network3", 33, [33, 17, 9, 5, 3, 2]),
    ],
)
def test_sizes_are_halved_and_rounded_up(name, size, ends):
    sizes = PAPER[name].sizes(size)
    assert len(sizes) == len(PAPER[name].layers) + 1
    assert list(dict.fromkeys(sizes)) == ends


def test_flops_of_network_1_by_hand():
    # 2 x 9 a pixel, input and output channel; the strided convolution ends on the next, smaller map
    first = 29**2 * (3 * 128 + 3 * 128**2) + 15**2 * 128**2
    second = 15**2 * (128 * 256 + 3 * 256**2) + 8**2 * 256**2
    third = 8**2 * (256 * 512 + 3 * 512**2) + 4**2 * 512**2
    encoder = 2 * 9 * (first + second + third)
    assert CIFAR.flops(29, 29, decoder=False) == encoder
    assert CIFAR.flops(29, 29) == 2 * encoder
    assert round(2 * encoder / 1e9, 2) == 5.91


@pytest.mark.parametrize(("name", "size", "gflop"), [("stl", 89, 5.85), ("network2", 29, 0.99)])
def test_flops(name, size, gflop):
    assert round(PAPER[name].flops(size, size) / 1e9, 2) == gflop


def test_flops_of_one_layer_by_hand_where_height_and_width_differ():
    spec = NetworkSpec("one", (Layer(4, kernel=5, stride=2),), channels=1)
    assert spec.flops(7, 4) == 2 * (2 * (4 * 2) * (1 * 4) * 25)


def test_flops_of_a_residual_block_by_hand():
    spec = NetworkSpec("block", (Layer(4), Layer(6, stride=2), Layer(6)), channels=1, residual=True)
    first, block, past = 7 * 5 * 9 * 1 * 4, (4 * 3) * 9 * (4 * 6 + 6 * 6), (4 * 3) * 4 * 6
    assert spec.flops(7, 5, decoder=False) == 2 * (first + block + past)
    assert spec.flops(7, 5) == 4 * (first + block + past)


@pytest.mark.parametrize(
    ("layers", "halo"),
    [
        ((Layer(1),), 2),  # one step by the deconvolution, one by the convolution
        ((Layer(1), Layer(1)), 4),
        ((Layer(1, kernel=1),), 0),
        ((Layer(1, kernel=5),), 4),
        # pixel 2m+1 is fed by positions m and m+1; position p by pixels 2p-1..2p+1: 2m-1 to 2m+3, two away
        # pixel 2m by position m alone: one away
        ((Layer(1, stride=2),), 2),
        # as above on the maps, one more on either side
        ((Layer(1), Layer(1, stride=2)), 4),
    ],
)
def test_halo_by_hand(layers, halo):
    assert NetworkSpec("hand", layers).halo == halo


def test_width_scales_all_channels_to_at_least_one():
    spec = dataclasses.replace(network2(), width=0.25)
    assert [layer.channels for layer in spec.layers] == [24] * 3 + [48] * 5
    assert {layer.channels for layer in dataclasses.replace(spec, width=1e-6).layers} == {1}
    assert spec.full == network2().full


def test_rednet_has_no_strides():
    spec = rednet(30)
    assert (spec.name, len(spec.layers), spec.stride) == ("rednet30", 15, 1)
    assert {layer.channels for layer in spec.layers} == {64}
    assert spec.halo == 2 * 15


@pytest.mark.parametrize("depth", [2, 3, 31, 0])
def test_rednet_needs_an_even_depth(depth):
    with pytest.raises(RecipeError, match=f"got {depth}"):
        rednet(depth)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"channels": 2}, "must be 1 .* or 3"),
        ({"width": 0}, "must be > 0"),
        ({"width": float("nan")}, "must be > 0"),
        ({"full": ()}, "at least one convolution"),
    ],
)
def test_values_out_of_range_are_refused(change, message):
    with pytest.raises(RecipeError, match=message):
        dataclasses.replace(network2(), **change)


@pytest.mark.parametrize("values", [(0, 3, 1), (4, 2, 1), (4, -1, 1), (4, 3, 0)])
def test_layers_out_of_range_are_refused(values):
    with pytest.raises(RecipeError):
        Layer(*values)


@pytest.mark.parametrize("spec", [*PAPER.values(), rednet(10), wide_resnet(10, 1)])
def test_json_and_back(spec):
    changed = dataclasses.replace(spec, width=0.5, channels=1, shortcuts="none", join="post", fill="zero")
    for one in (spec, changed):
        assert NetworkSpec.from_dict(json.loads(json.dumps(one.to_dict()))) == one


def test_json_from_before_residual_blocks_is_a_plain_network():
    values = network2().to_dict()
    del values["residual"]
    assert NetworkSpec.from_dict(values) == network2()


@pytest.mark.parametrize(
    "values", [{}, {"name": "x"}, {"name": "x", "full": [[1]], "more": 1}, {"name": "x", "full": 1}]
)
def test_damaged_json_is_refused(values):
    with pytest.raises(RecipeError, match="not a network specification"):
        NetworkSpec.from_dict(values)
