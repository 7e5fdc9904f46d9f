import dataclasses
import json

import pytest
import torch
from safetensors.torch import save_file

from symae.errors import RunError
from symae.networks import network2, wide_resnet
from symae.weights import WEIGHTS, ModelCard, build, load, load_card, load_tensors, save

SPEC = dataclasses.replace(network2(), width=1 / 24)
CARD = ModelCard("pretrain", SPEC, 29, recipe="photos", commit="abc", data="def", seed=7, quality={"psnr": 28.5})
CARDS = [
    CARD,
    dataclasses.replace(CARD, stage="classify", classes=("cat", "dog"), multi_label=True, resize=32),
    dataclasses.replace(CARD, stage="segment", classes=("sky", "sea"), colours=((0, 0, 0), (1, 2, 255))),
]


RESIDUAL = dataclasses.replace(CARD, network=dataclasses.replace(wide_resnet(16, 2), width=1 / 4))


@pytest.mark.parametrize("card", [*CARDS, RESIDUAL], ids=lambda card: f"{card.stage}-{card.network.name}")
def test_what_was_saved_computes_the_same(tmp_path, card):
    model = build(card).train()
    x = torch.rand(4, 3, 13, 10)
    model(x)  # moves the running statistics
    save(model, card, tmp_path / WEIGHTS)
    for path in (tmp_path, tmp_path / WEIGHTS, str(tmp_path)):
        loaded, read = load(path)
        assert read == card
        assert not loaded.training
        assert torch.equal(loaded(x), model.eval()(x))
    assert load_card(tmp_path) == card


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.stage)
def test_card_to_json_and_back(card):
    assert "\n" not in card.to_json()
    assert ModelCard.from_json(card.to_json()) == card


def test_tensors_come_by_name(tmp_path):
    model = build(CARD)
    save(model, CARD, tmp_path / WEIGHTS)
    tensors, state = load_tensors(tmp_path), model.state_dict()
    assert tensors.keys() == state.keys()
    assert all(torch.equal(tensors[name], state[name]) for name in state)


def test_an_empty_run_and_a_missing_path_are_named(tmp_path):
    with pytest.raises(RunError, match="has no weights"):
        load(tmp_path)
    with pytest.raises(RunError, match="nowhere does not exist"):
        load(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "damage", [lambda b: b"", lambda b: b[: len(b) // 2], lambda b: b"no weights", lambda b: b[:12]]
)
def test_a_damaged_file_is_named(tmp_path, damage):
    save(build(CARD), CARD, tmp_path / WEIGHTS)
    content = (tmp_path / WEIGHTS).read_bytes()
    (tmp_path / WEIGHTS).write_bytes(damage(content))
    for read in (load, load_card, load_tensors):
        with pytest.raises(RunError, match=rf"{WEIGHTS} is no file of symae weights, or is damaged"):
            read(tmp_path)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"network": {}}', json.dumps({**json.loads(CARD.to_json()), "extra": 1})]
)
def test_a_damaged_card_is_named(tmp_path, text):
    save_file(build(CARD).state_dict(), tmp_path / WEIGHTS, metadata={"symae": text})
    with pytest.raises(RunError, match="damaged"):
        load(tmp_path)


@pytest.mark.parametrize("metadata", [None, {"other": "tool"}])
def test_weights_of_another_tool_are_named(tmp_path, metadata):
    save_file({"x": torch.zeros(1)}, tmp_path / WEIGHTS, metadata=metadata)
    with pytest.raises(RunError, match="no file of symae weights"):
        load(tmp_path)


def test_weights_of_another_network_are_refused(tmp_path):
    save(build(dataclasses.replace(CARD, network=dataclasses.replace(SPEC, width=1 / 48))), CARD, tmp_path / WEIGHTS)
    with pytest.raises(RunError, match="does not hold the network"):
        load(tmp_path)


def test_a_failed_save_leaves_the_older_file_whole(tmp_path, monkeypatch):
    save(build(CARD), CARD, tmp_path / WEIGHTS)
    before = (tmp_path / WEIGHTS).read_bytes()

    def half(path, data):
        with path.open("wb") as file:
            file.write(data[: len(data) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", half)
    with pytest.raises(OSError, match="No space"):
        save(build(CARD), CARD, tmp_path / WEIGHTS)
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [(WEIGHTS, before)]
