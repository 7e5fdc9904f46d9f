"""What the network is sure of becomes the label, and nothing else does."""

import pytest
import torch
import torch.nn.functional as F

from symae.corruption import Corrupted
from symae.networks import Classifier, network1
from symae.randomness import generator
from symae.self_training import guess, self_training_losses
from symae.views import View

SPEC = network1((1, 1, 0, 0), 8)
LABELS = torch.tensor([0, 2, 1])


def images(count: int, seed: int = 0) -> torch.Tensor:
    return torch.rand((count, 3, 12, 13), generator=generator("cpu", seed, "images"))


def classifier() -> Classifier:
    torch.manual_seed(1)
    model = Classifier(SPEC, 3)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return model


def view(count: int, targets: torch.Tensor, masked: bool = False, seed: int = 0) -> View:
    x = images(count, seed)
    masks = torch.rand((count, 12, 13), generator=generator("cpu", seed, "masks")) < 0.3 if masked else None
    return View(x, Corrupted(x, masks), targets)


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_what_is_certain_is_the_likeliest_class_and_the_rest_is_nothing(part):
    model, x = classifier(), images(40)
    probabilities = model.eval()(x).softmax(1).detach()
    certainty = float(probabilities.max(1).values.quantile(part))
    guesses = guess(model, x, certainty)
    sure = probabilities.max(1).values > certainty
    assert sure.sum() == round(40 * (1 - part))
    assert torch.equal(guesses.sum(1), sure.float())
    assert torch.equal(guesses[sure].argmax(1), probabilities[sure].argmax(1))


def test_a_guess_leaves_the_statistics_of_bn_as_they_are_and_needs_no_gradient():
    model = classifier().train()
    before = {name: buffer.clone() for name, buffer in model.named_buffers()}
    assert not guess(model, images(8), 0.5).requires_grad
    assert all(torch.equal(buffer, before[name]) for name, buffer in model.named_buffers())


@pytest.mark.parametrize("masked", [False, True])
def test_the_losses_are_the_means_over_all_images_of_a_kind(masked):
    model = classifier().eval()  # so that the images do not depend on each other
    labelled = view(3, LABELS, masked)
    guesses = torch.tensor([[0, 1.0, 0], [0, 0, 0], [0.3, 0.7, 0], [0, 0, 0], [0, 0, 1.0]])
    unlabelled = view(5, guesses, masked, seed=1)
    told, guessed = self_training_losses(model, labelled, unlabelled)
    scores = model(labelled.damaged.images, labelled.damaged.masks)
    others = model(unlabelled.damaged.images, unlabelled.damaged.masks)
    assert told.item() == pytest.approx(F.cross_entropy(scores, LABELS).item(), rel=1e-5)
    expected = -(guesses * others.log_softmax(1)).sum(1)
    assert expected[1] == expected[3] == 0
    assert guessed.item() == pytest.approx(expected.mean().item(), rel=1e-5)


def test_images_that_nobody_is_certain_of_teach_nothing():
    model = classifier().train()
    labelled, unlabelled = view(3, LABELS), view(5, torch.zeros(5, 3), seed=1)
    _, guessed = self_training_losses(model, labelled, unlabelled)
    gradients = torch.autograd.grad(guessed, list(model.parameters()), allow_unused=True)
    assert guessed.item() == 0
    assert all(gradient is None or not gradient.any() for gradient in gradients)


def test_both_kinds_of_images_make_bns_statistics():
    model = classifier().train()
    model.zero_grad()
    self_training_losses(model, view(3, LABELS), view(5, torch.zeros(5, 3), seed=1))
    alone = classifier().train()
    alone(torch.cat([images(3), images(5, seed=1)]))
    statistics = dict(alone.named_buffers())
    assert all(torch.allclose(buffer, statistics[name]) for name, buffer in model.named_buffers())


def test_labels_are_smoothed_and_guesses_are_not():
    model = classifier().eval()
    labelled, unlabelled = view(3, LABELS), view(2, torch.eye(3)[:2], seed=1)
    plain, smooth = (self_training_losses(model, labelled, unlabelled, amount) for amount in (0.0, 0.2))
    assert plain[0].item() != smooth[0].item()
    assert plain[1].item() == smooth[1].item()
