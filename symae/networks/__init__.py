"""The paper's networks: specification, auto-encoder, classifier, segmenter."""

from symae.networks.autoencoder import Decoder, Encoder, Encoding, SymmetricAutoencoder
from symae.networks.heads import Classifier, Segmenter
from symae.networks.residual import pyramid, wide_resnet
from symae.networks.spec import Layer, NetworkSpec, network1, network2, network3, rednet

__all__ = [
    "Classifier",
    "Decoder",
    "Encoder",
    "Encoding",
    "Layer",
    "NetworkSpec",
    "Segmenter",
    "SymmetricAutoencoder",
    "network1",
    "network2",
    "network3",
    "pyramid",
    "rednet",
    "wide_resnet",
]
