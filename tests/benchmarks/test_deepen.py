import dataclasses

import pytest
import torch

from benchmarks.deepen import deepened
from symae.errors import InputError
from symae.networks import SymmetricAutoencoder, network1, pyramid, wide_resnet
from symae.networks.autoencoder import initialise


def trained(spec):
    model = SymmetricAutoencoder(spec)
    generator = torch.Generator().manual_seed(1)
    initialise(model, generator, "he")
    for part in (model.encoder, model.decoder):
        for end in part.unnormalised_ends():
            torch.nn.init.normal_(end.weight, std=0.1, generator=generator)
    model.encoder.mean.uniform_(0.3, 0.6, generator=generator)
    model.encoder.std.uniform_(0.1, 0.3, generator=generator)
    return model.eval()


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("blocks", [(1, 1, 1), (1, 2, 1), (1, 1, 2), (1, 2, 3)])
def test_a_deeper_network_computes_the_same_and_can_learn_more(stride, blocks):
    model = trained(pyramid((4, 6, 8), stride=stride))
    deep = deepened(model, blocks)
    assert deep.spec == pyramid((4, 6, 8), blocks, stride=stride)
    images, masks = torch.rand(2, 3, 21, 18), torch.rand(2, 21, 18) < 0.2
    torch.testing.assert_close(deep(images, masks), model(images, masks))
    deep(images, masks).square().mean().backward()
    ends = [end for part in (deep.encoder, deep.decoder) for end in part.unnormalised_ends()]
    assert all(end.weight.grad.abs().max() > 0 for end in ends)


@pytest.mark.parametrize(
    ("spec", "blocks", "told"),
    [
        (network1((2, 2, 0, 0), 4), (1, 2), "network1 is no pyramid of one residual block a size"),
        (pyramid((4, 6), 2), (1, 2), "no pyramid of one residual block"),
        (dataclasses.replace(pyramid((4, 6)), shortcuts="none"), (1, 2), "no pyramid of one residual block"),
        (wide_resnet(10, 1), (1, 1, 2), "no pyramid of one residual block"),
        (pyramid((4, 6)), (2, 2), "expected 2 numbers of blocks, the first of them 1"),
        (pyramid((4, 6)), (1, 2, 2), "expected 2 numbers"),
    ],
)
def test_what_cannot_be_deepened_is_refused(spec, blocks, told):
    with pytest.raises(InputError, match=told):
        deepened(SymmetricAutoencoder(spec), blocks)
