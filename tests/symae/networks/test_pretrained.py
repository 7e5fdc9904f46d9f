import dataclasses

import pytest
import torch

from symae.errors import RunError
from symae.networks import Classifier, Segmenter, SymmetricAutoencoder, network2
from symae.weights import WEIGHTS, ModelCard, build, load_card

SPEC = dataclasses.replace(network2(), width=1 / 24)
CARD = ModelCard("pretrain", SPEC, 29, recipe="photos", quality={"psnr": 28.5})
CARDS = {
    SymmetricAutoencoder: CARD,
    Classifier: dataclasses.replace(CARD, stage="classify", classes=("cat", "dog")),
    Segmenter: dataclasses.replace(CARD, stage="segment", classes=("sky", "sea", "land"), colours=((0, 0, 0),) * 3),
}


@pytest.mark.parametrize("kind", CARDS)
@pytest.mark.parametrize("where", ["mine", "mine/better.safetensors"])
def test_what_was_saved_computes_the_same(tmp_path, kind, where):
    model, images = build(CARDS[kind]).train(), torch.rand(4, 3, 13, 10)
    model(images)  # moves the running statistics
    file = model.save_pretrained(tmp_path / where, CARDS[kind])
    assert file == tmp_path / (where if where.endswith(".safetensors") else f"{where}/{WEIGHTS}")
    loaded = kind.from_pretrained(str(tmp_path / where))
    assert type(loaded) is kind
    assert loaded.card == CARDS[kind]
    assert not loaded.training
    assert torch.equal(loaded(images), model.eval()(images))


def test_what_was_measured_is_not_said_of_weights_that_may_have_changed(tmp_path):
    build(CARD).save_pretrained(tmp_path / "a", CARD)
    loaded = SymmetricAutoencoder.from_pretrained(tmp_path / "a")
    loaded.save_pretrained(tmp_path / "b")
    assert load_card(tmp_path / "b") == CARD.measured({})
    loaded.save_pretrained(tmp_path / "c", loaded.card)
    assert load_card(tmp_path / "c") == CARD


def test_another_class_is_named(tmp_path):
    build(CARDS[Classifier]).save_pretrained(tmp_path, CARDS[Classifier])
    with pytest.raises(RunError, match=r"holds a Classifier, not a Segmenter: use Classifier.from_pretrained or"):
        Segmenter.from_pretrained(tmp_path)


def test_a_network_without_a_card_is_not_saved(tmp_path):
    with pytest.raises(RunError, match="has no card: give one"):
        SymmetricAutoencoder(SPEC).save_pretrained(tmp_path / "mine")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "card", [CARDS[Classifier], dataclasses.replace(CARD, network=dataclasses.replace(SPEC, width=1 / 48))]
)
def test_a_card_of_another_network_is_refused(tmp_path, card):
    with pytest.raises(RunError, match="describes another network than this SymmetricAutoencoder"):
        SymmetricAutoencoder(SPEC).save_pretrained(tmp_path / "mine", card)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("where", ["", "other.safetensors"])
def test_the_weights_of_a_run_stay_its_own(tmp_path, where):
    (tmp_path / "recipe.json").write_text("{}")
    with pytest.raises(RunError, match="is a run"):
        build(CARD).save_pretrained(tmp_path / where, CARD)
    assert [path.name for path in tmp_path.iterdir()] == ["recipe.json"]
