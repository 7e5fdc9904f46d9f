import dataclasses

import pytest
import torch
import torch.nn.functional as F

from symae.networks import (
    Layer,
    NetworkSpec,
    SymmetricAutoencoder,
    network1,
    network2,
    network3,
    pyramid,
    rednet,
    wide_resnet,
)
from symae.networks.autoencoder import initialise

NARROW = {
    "cifar": dataclasses.replace(network1(), width=1 / 32),
    "stl": dataclasses.replace(network1((2, 2, 3, 3), 64), width=1 / 16),
    "network2": dataclasses.replace(network2(), width=1 / 24),
    "network3": dataclasses.replace(network3(), width=1 / 16),
    "rednet": dataclasses.replace(rednet(10), width=1 / 8),
    "wrn": dataclasses.replace(wide_resnet(16, 2), width=1 / 4),
    "pyramid": pyramid((4, 6, 8)),
}


def trained(spec, seed=0):
    """A network whose weights and statistics are all far from those that it begins with."""
    model, generator = SymmetricAutoencoder(spec), torch.Generator().manual_seed(seed)
    for name, tensor in model.state_dict().items():
        if tensor.dim() == 4:
            tensor.normal_(std=tensor[0].numel() ** -0.5, generator=generator)
        elif name.endswith("running_var"):
            tensor.uniform_(0.5, 2, generator=generator)
        elif "norms" in name and tensor.dim() == 1:
            tensor.normal_(generator=generator)
    return model.eval()


def images(*shape, seed=1):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(autouse=True)
def _inference():
    with torch.no_grad():
        yield


@pytest.mark.parametrize(
    ("spec", "weights", "normalised", "millions"),
    [
        # weights of the encoder; channels of all of its BN; both are counted twice but for the decoder's last
        (
            network1(),
            9 * (3 * 128 + 4 * 128**2 + 128 * 256 + 4 * 256**2 + 256 * 512 + 4 * 512**2),
            2 * 5 * (128 + 256 + 512) - 512,
            27.75,
        ),
        (
            network1((2, 2, 3, 3), 64),
            9 * (3 * 64 + 64**2 + 64 * 128 + 128**2 + 128 * 256 + 2 * 256**2 + 256 * 512 + 2 * 512**2),
            2 * (2 * 64 + 2 * 128 + 3 * 256 + 3 * 512) - 512,
            15.27,
        ),
        (
            network2(),
            9 * (3 * 96 + 2 * 96**2 + 96 * 192 + 3 * 192**2) + 192**2,
            2 * (3 * 96 + 5 * 192) - 192,
            2.74,
        ),
        (  # the last three are projections past the first block of each group
            wide_resnet(16, 8),
            9 * (3 * 16 + 16 * 128 + 3 * 128**2 + 128 * 256 + 3 * 256**2 + 256 * 512 + 3 * 512**2)
            + (16 * 128 + 128 * 256 + 256 * 512),
            2 * (16 + 4 * (128 + 256 + 512)) - 512,
            21.91,
        ),
    ],
)
def test_parameters_by_hand(spec, weights, normalised, millions):
    with torch.device("meta"):  # shapes alone
        model = SymmetricAutoencoder(spec)
    count = sum(p.numel() for p in model.parameters())
    assert count == 2 * weights + 2 * normalised
    assert round(count / 1e6, 2) == millions


@pytest.mark.parametrize("name", NARROW)
@pytest.mark.parametrize("size", [(1, 1), (1, 7), (29, 29), (30, 37), (33, 2)])
def test_any_size_goes_in_and_comes_out(name, size):
    model = trained(NARROW[name])
    x = images(1, 3, *size)
    assert model(x).shape == x.shape
    rows, columns = (NARROW[name].sizes(side) for side in size)
    assert model.encoder(x).sizes == list(zip(rows, columns, strict=True))


@pytest.mark.parametrize(("name", "size"), [("stl", 89), ("network3", 225)])
def test_sizes_of_the_paper(name, size):
    model = trained(NARROW[name])
    assert model(images(1, 3, size, size)).shape == (1, 3, size, size)


@pytest.mark.parametrize("name", NARROW)
def test_each_image_of_a_batch_is_on_its_own(name):
    model, x = trained(NARROW[name]), images(3, 3, 13, 10)
    torch.testing.assert_close(model(x)[1:2], model(x[1:2]), rtol=1e-4, atol=1e-5)


def test_gray_images():
    model = trained(dataclasses.replace(NARROW["network2"], channels=1))
    assert model(images(2, 1, 9, 8)).shape == (2, 1, 9, 8)


@pytest.mark.parametrize("fill", ["mean", "zero"])
def test_pixels_under_the_mask_do_not_matter(fill):
    model = trained(dataclasses.replace(NARROW["network2"], fill=fill))
    x, masks = images(2, 3, 12, 12), torch.zeros(2, 12, 12, dtype=torch.bool)
    masks[0, 3:6, 4:9] = masks[1, 0] = True
    other = torch.where(masks.unsqueeze(1), images(2, 3, 12, 12, seed=9), x)
    assert torch.equal(model(x, masks), model(other, masks))
    known = torch.where(masks.unsqueeze(1), model.encoder.mean if fill == "mean" else 0.0, x)
    torch.testing.assert_close(model(x, masks), model(known), rtol=1e-4, atol=1e-5)
    assert not torch.allclose(model(x, masks), model(x))


def test_an_empty_mask_is_no_mask():
    model, x = trained(NARROW["network2"]), images(1, 3, 9, 9)
    assert torch.equal(model(x, torch.zeros(1, 9, 9, dtype=torch.bool)), model(x))


def small(**change):
    layers = (Layer(4), Layer(5, stride=2), Layer(6), Layer(7, kernel=1))
    model = trained(NetworkSpec("small", layers, **change))
    model.encoder.mean.copy_(torch.tensor([0.3, 0.4, 0.5]).reshape(3, 1, 1))
    model.encoder.std.copy_(torch.tensor([0.2, 0.3, 0.25]).reshape(3, 1, 1))
    return model


def by_hand(model, images):
    """Figure 1 for four convolutions, written out; convolution 2 is joined where deconvolution 2 ends."""
    spec, w = model.spec, model.state_dict()

    def bn(part, i, x):
        name = f"{part}.norms.{i - 1}"
        mean, var, scale, shift = (
            w[f"{name}.{value}"].reshape(1, -1, 1, 1) for value in ("running_mean", "running_var", "weight", "bias")
        )
        return (x - mean) / (var + 1e-5).sqrt() * scale + shift

    def kernel(part, i):
        return w[f"{part}convolutions.{i - 1}.weight"]

    x0 = (images - w["encoder.mean"]) / w["encoder.std"]
    c1 = bn("encoder", 1, F.conv2d(x0, kernel("encoder.", 1), padding=1)).relu()
    raw2 = F.conv2d(c1, kernel("encoder.", 2), stride=2, padding=1)
    c2 = bn("encoder", 2, raw2).relu()
    c3 = bn("encoder", 3, F.conv2d(c2, kernel("encoder.", 3), padding=1)).relu()
    c4 = bn("encoder", 4, F.conv2d(c3, kernel("encoder.", 4))).relu()
    d1 = bn("decoder", 1, F.conv_transpose2d(c4, w["decoder.deconvolutions.0.weight"])).relu()
    d2 = F.conv_transpose2d(d1, w["decoder.deconvolutions.1.weight"], padding=1)
    if spec.shortcuts == "all" and spec.join == "pre":
        d2 = d2 + raw2
    d2 = bn("decoder", 2, d2).relu()
    if spec.shortcuts == "all" and spec.join == "post":
        d2 = d2 + c2
    d3 = F.conv_transpose2d(d2, w["decoder.deconvolutions.2.weight"], stride=2, padding=1, output_padding=1)
    d3 = bn("decoder", 3, d3[..., : images.shape[2], : images.shape[3]]).relu()
    d4 = F.conv_transpose2d(d3, w["output.weight"], padding=1)
    if spec.shortcuts != "none":
        d4 = d4 + x0
    return d4 * w["encoder.std"] + w["encoder.mean"]


@pytest.mark.parametrize("size", [(8, 8), (7, 10), (1, 3)])
@pytest.mark.parametrize(
    "change",
    [{}, {"join": "post"}, {"shortcuts": "input-output"}, {"shortcuts": "none"}, {"shortcuts": "none", "join": "post"}],
)
def test_the_network_is_the_formula(change, size):
    model, x = small(**change), images(2, 3, *size)
    torch.testing.assert_close(model(x), by_hand(model, x), rtol=1e-4, atol=1e-5)


def blocks_by_hand(model, images):
    """Two residual blocks written out, convolutions 2 and 3 with a projection past them, 4 and 5 without."""
    spec, encoder, decoder = model.spec, model.encoder, model.decoder
    pre, post = (1.0 if spec.shortcuts == "all" and spec.join == join else 0.0 for join in ("pre", "post"))
    x0 = (images - encoder.mean) / encoder.std
    raw1 = encoder.convolutions[0](x0)
    c1 = encoder.norms[0](raw1).relu()
    c2 = encoder.norms[1](encoder.convolutions[1](c1)).relu()
    raw3 = encoder.convolutions[2](c2) + F.conv2d(c1, model.state_dict()["encoder.skips.3.weight"], stride=2)
    c3 = encoder.norms[2](raw3).relu()
    c4 = encoder.norms[3](encoder.convolutions[3](c3)).relu()
    raw5 = encoder.convolutions[4](c4) + raw3
    c5 = encoder.norms[4](raw5).relu()
    d1 = decoder.norms[0](decoder.deconvolutions[0](c5)).relu()
    raw = decoder.deconvolutions[1](d1) + raw5 + pre * raw3
    d2 = decoder.norms[1](raw).relu() + post * c3
    d3 = decoder.norms[2](decoder.deconvolutions[2](d2)).relu()
    past = torch.zeros(len(images), 4, 2 * d2.shape[2], 2 * d2.shape[3])  # every other pixel, in rows and columns
    past[..., ::2, ::2] = torch.einsum("bchw,cd->bdhw", d2, model.state_dict()["decoder.skips.1.weight"][..., 0, 0])
    raw = (decoder.deconvolutions[3](d3) + past)[..., : images.shape[2], : images.shape[3]] + pre * raw1
    d4 = decoder.norms[3](raw).relu() + post * c1
    d5 = model.output(d4) + (0 if spec.shortcuts == "none" else x0)
    return d5 * encoder.std + encoder.mean


@pytest.mark.parametrize("size", [(8, 8), (7, 10), (1, 3)])
@pytest.mark.parametrize(
    "change", [{}, {"join": "post"}, {"shortcuts": "input-output"}, {"shortcuts": "none", "norm": "none"}]
)
def test_the_residual_network_is_the_formula(change, size):
    layers = (Layer(4), Layer(6, stride=2), Layer(6), Layer(6), Layer(6))
    model = trained(NetworkSpec("blocks", layers, residual=True, **change))
    height, width = (-(-side // model.spec.multiple) * model.spec.multiple for side in size)
    x = images(2, 3, height, width)
    torch.testing.assert_close(model(x), blocks_by_hand(model, x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "spec",
    [
        NetworkSpec("one", (Layer(3, stride=2),)),
        NetworkSpec("two", (Layer(3), Layer(3, stride=2))),
        NetworkSpec("mixed", (Layer(3, kernel=5), Layer(3, stride=2), Layer(3, stride=3), Layer(3, kernel=1))),
        dataclasses.replace(network2(), width=1 / 96),
        dataclasses.replace(network1((2, 2, 2, 0)), width=1 / 128),
        dataclasses.replace(rednet(8), width=1 / 32),
        dataclasses.replace(wide_resnet(16, 1), width=1 / 8),
    ],
    ids=lambda spec: spec.name,
)
def test_no_pixel_beyond_the_halo_is_seen_and_some_at_it_is(spec):
    """All weights positive, so that no influence cancels; one column is changed, of every residue to the stride."""
    model = trained(dataclasses.replace(spec, shortcuts="none")).double()
    for parameter in model.parameters():
        parameter.abs_().add_(0.1)
    at, reach = 2 * spec.halo + spec.stride, 0
    x = images(1, 3, 3, 2 * at + 1).double()
    for offset in range(spec.stride):
        changed = x.clone()
        changed[..., at + offset] += 1
        columns = (model(changed) != model(x)).any(2).any(1)[0].nonzero().flatten()
        reach = max(reach, at + offset - int(columns[0]), int(columns[-1]) - at - offset)
    assert reach == spec.halo


def test_feature_map_is_what_the_encoder_gives():
    model, x = trained(NARROW["network2"]), images(2, 3, 15, 9)
    assert torch.equal(model.encoder.feature_map(x), model.encoder(x).features)
    shapes = [tuple(model.encoder.feature_map(x, layer).shape) for layer in (1, 3, 6)]
    assert shapes == [(2, 4, 15, 9), (2, 4, 8, 5), (2, 8, 4, 3)]


def test_weights_begin_as_in_section_4():
    model = SymmetricAutoencoder(network2())
    deep = model.encoder.convolutions[4].weight
    assert deep.std().item() == pytest.approx(0.01, rel=0.01)
    assert deep.mean().item() == pytest.approx(0, abs=1e-4)
    assert torch.equal(model.encoder.norms[3].weight, torch.ones(192))
    assert not any(name.endswith("bias") and "norms" not in name for name, _ in model.named_parameters())


def test_the_same_seed_begins_the_same():
    models = [SymmetricAutoencoder(NARROW["network2"]) for _ in range(2)]
    for model in models:
        initialise(model, torch.Generator().manual_seed(5))
    first, second = (model.state_dict() for model in models)
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_without_normalisation_and_biases_the_output_scales_with_the_zero_centred_input():
    spec = NetworkSpec("no-norm", (Layer(6), Layer(6), Layer(8, stride=2), Layer(8)), norm="none")
    model, x = trained(spec), images(2, 3, 13, 17)
    assert not [name for name, _ in model.named_parameters() if "norm" in name or "bias" in name]
    dimmed = model.encoder.mean + (x - model.encoder.mean) / 4
    expected = model.encoder.mean + (model(x) - model.encoder.mean) / 4
    torch.testing.assert_close(model(dimmed), expected)


def test_he_draws_keep_the_residual_near_zero():
    model = SymmetricAutoencoder(NARROW["network2"])
    initialise(model, torch.Generator().manual_seed(0), "he")
    assert model.output.weight.std().item() == pytest.approx(0.01, rel=0.2)
    assert model.encoder.convolutions[1].weight.std().item() > 0.05
