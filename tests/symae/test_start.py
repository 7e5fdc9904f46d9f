import dataclasses

import pytest
import torch

from symae.networks import Layer, NetworkSpec
from symae.recipes import find
from symae.start import adopt_network, transfer
from symae.weights import WEIGHTS, ModelCard, build, save

SPEC = NetworkSpec("tiny", (Layer(4), Layer(6, stride=2), Layer(6)), norm="none")


@pytest.fixture
def colour_run(tmp_path):
    card = ModelCard("pretrain", SPEC, 16, recipe="restore-small-colour")
    model = build(card)
    model.encoder.mean.copy_(torch.tensor([0.4, 0.5, 0.3])[:, None, None])
    model.encoder.std.fill_(0.25)
    save(model, card, tmp_path / WEIGHTS)
    return tmp_path, model, card


def test_a_recipe_for_gray_images_stays_one_and_takes_what_colour_has_taught(colour_run):
    path, colour, card = colour_run
    recipe = adopt_network(find("restore-small-gray"), card, path)
    assert recipe.network == dataclasses.replace(SPEC, channels=1)
    gray = build(dataclasses.replace(card, network=recipe.network))
    told = transfer(gray, path, recipe)
    assert told.drawn == ()
    assert "tensors taken, from colour to gray" in str(told)
    shades = torch.rand(2, 1, 9, 11)
    with torch.no_grad():
        centred = colour.encoder.mean + shades - gray.encoder.mean  # three channels that are equal once zero-centred
        expected = (colour(centred) - colour.encoder.mean).mean(1, keepdim=True) + gray.encoder.mean
        torch.testing.assert_close(gray(shades), expected)


def test_other_recipes_take_the_channels_of_the_run(colour_run):
    path, _, card = colour_run
    assert adopt_network(find("restore-small-colour"), card, path).network == SPEC
    gray = dataclasses.replace(card, network=dataclasses.replace(SPEC, channels=1))
    assert adopt_network(find("classify"), gray, path).network.channels == 1
