import pytest
import torch

from symae.probe.classification import DECAYS, Softmax, _Dual, _Primal, _solve, fit_softmax


def clusters(count, values, classes=3, noise=0.3, seed=0):
    """Rows around one random point a class, and their classes."""
    draws = torch.Generator().manual_seed(seed)
    centres = torch.randn(classes, values, generator=torch.Generator().manual_seed(99))
    labels = torch.arange(count) % classes
    return centres[labels] + noise * torch.randn(count, values, generator=draws), labels


@pytest.mark.parametrize("values", [8, 300])  # fewer and more than there are images
def test_separable_classes_are_separated_on_new_rows(values):
    features, labels = clusters(90, values)
    softmax = fit_softmax(features, labels, classes=3, fitted=72)
    new, truth = clusters(50, values, seed=1)
    assert (softmax(features).argmax(1) == labels).all()
    assert (softmax(new).argmax(1) == truth).all()


def test_products_of_images_lead_to_the_same_weights_as_the_features():
    features, labels = clusters(60, 200, noise=3.0)
    scores = []
    for change in (_Primal(features), _Dual(features)):
        start = Softmax(torch.zeros(3, change.coordinates.shape[1]), torch.zeros(3), 0.0)
        solved = _solve(change.coordinates, labels, 1e-2, start)
        scores.append(Softmax(change.back(solved.weights), solved.bias, 0.0)(features))
        torch.testing.assert_close(scores[-1], solved(change.coordinates), atol=2e-3, rtol=0)
    torch.testing.assert_close(*scores, atol=5e-3, rtol=0)


def test_the_decay_is_chosen_on_the_held_out_rows():
    # The class is in one value of many and the labels are often wrong: what fits them all generalises badly.
    draws = torch.Generator().manual_seed(3)
    features = torch.randn(400, 60, generator=draws)
    truth = (features[:, 0] > 0).long()
    labels = torch.where(torch.rand(400, generator=draws) < 0.35, 1 - truth, truth)
    chosen = fit_softmax(features, labels, classes=2, fitted=320)
    assert chosen.decay > DECAYS[-1]
    rigged = labels.clone()
    rigged[320:] = fit_softmax(features[:320], labels[:320], 2, 319)(features[320:]).argmax(1)
    assert chosen.decay != fit_softmax(features, rigged, classes=2, fitted=320).decay


def test_the_same_rows_give_the_same_weights():
    features, labels = clusters(60, 100, noise=3.0)
    first, again = (fit_softmax(features, labels, 3, 48) for _ in range(2))
    assert torch.equal(first.weights, again.weights)
