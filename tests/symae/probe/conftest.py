import pytest
import torch

from symae.networks import Encoder, Layer, NetworkSpec
from symae.networks.autoencoder import initialise


def blobs(count: int, side: int = 12, seed: int = 0) -> torch.Tensor:
    """Smooth colour pictures (N, 3, S, S) uint8."""
    small = torch.rand(count, 3, 3, 3, generator=torch.Generator().manual_seed(seed))
    return (torch.nn.functional.interpolate(small, size=side, mode="bilinear") * 255).to(torch.uint8)


@pytest.fixture
def pictures():
    return blobs(120)


@pytest.fixture
def many_pictures():
    return blobs(700, side=8)


@pytest.fixture
def encoder():
    """Two convolutions with random weights, the second with stride 2."""
    spec = NetworkSpec("toy", (Layer(6), Layer(8, stride=2)))
    network = Encoder(spec).eval()
    initialise(network, torch.Generator().manual_seed(0), "he")
    return network


@pytest.fixture
def identity():
    """One 1 x 1 convolution whose maps are, twice, the positive and the negative part of the normalised image."""
    network = Encoder(NetworkSpec("identity", (Layer(12, 1),), norm="none")).eval()
    weights = torch.cat([torch.eye(3), -torch.eye(3)] * 2)
    network.convolutions[0].weight.data = weights[:, :, None, None]
    return network
