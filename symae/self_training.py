"""Learning from images without labels, beside a few with: what the network is sure of becomes the label.

The class that the averaged weights give to an image as it is, if they are sure, is what the weights that are trained
must give to the same image varied and damaged (FixMatch, Sohn et al. 2020). The averaged weights, which see the whole
picture and have the steadier judgement (Tarvainen and Valpola 2017), teach those that move. Images of which they are
not sure teach nothing yet; their number shrinks as the training goes on. Each half of the loss is the mean over all of
its images, sure or not, so that the unlabelled ones count for more only as more of them are understood.

Both kinds of images go through the network as one batch: its BN sees what it will see later, not labelled images alone.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from symae.corruption import Corrupted
from symae.views import View
from symae.weights import Model

__all__ = ["guess", "self_training_losses"]


@torch.no_grad()
def guess(teacher: Model, images: Tensor, certainty: float) -> Tensor:
    """Tell the classes of images as far as they are sure.

    Args:
        teacher: a classifier; is put into evaluation mode.
        images: (U, C, H, W) float32 in [0, 1].
        certainty: the probability that a class must have, in [0, 1).

    Returns:
        (U, K) float32: 1 for the class of an image that is sure, 0 for all others.
    """
    scores: Tensor = teacher.eval()(images.contiguous(memory_format=torch.channels_last))
    probabilities = scores.float().softmax(1)
    highest, classes = probabilities.max(1, keepdim=True)
    return torch.zeros_like(probabilities).scatter(1, classes, (highest > certainty).float())


def self_training_losses(
    model: Model, labelled: View, unlabelled: View, smoothing: float = 0.0
) -> tuple[Tensor, Tensor]:
    """Compute the cross entropy of the labelled images, and that of the unlabelled ones with their guessed classes.

    Args:
        model: a classifier.
        labelled: of B images, with their targets.
        unlabelled: of U images; targets as `guess` gives them, of mixed images in shares.
        smoothing: share of each label, not of a guess, that is spread evenly over the classes.

    Returns:
        The means over B and over U.
    """
    assert labelled.targets is not None
    assert unlabelled.targets is not None
    both = _together(labelled.damaged, unlabelled.damaged)
    scores = model(both.images, both.masks)
    told, guessed = scores.tensor_split([len(labelled.clean)])
    return (
        F.cross_entropy(told, labelled.targets, label_smoothing=smoothing),
        F.cross_entropy(guessed, unlabelled.targets),
    )


def _together(first: Corrupted, second: Corrupted) -> Corrupted:
    images = torch.cat([first.images, second.images])
    if first.masks is None or second.masks is None:  # damage of one kind has either both or none
        return Corrupted(images)
    return Corrupted(images, torch.cat([first.masks, second.masks]))
