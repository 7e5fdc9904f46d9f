import dataclasses
import json

import pytest

from symae.corruption import BigBlock, GaussianNoise
from symae.errors import RecipeError
from symae.recipes import RECIPES, find, from_dict, override, to_dict


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_survives_json(name):
    recipe = find(name)
    assert from_dict(json.loads(json.dumps(to_dict(recipe)))) == recipe


def test_settings_reach_every_depth_and_leave_the_recipe_alone():
    recipe = find("pretrain")
    changed = override(recipe, ["epochs=3", "network.width=0.5", "corruption.parts.0.sigma=12", "milestones=[1,2]"])
    assert (changed.epochs, changed.network.width, changed.milestones) == (3, 0.5, (1, 2))
    assert changed.corruption.parts[0].sigma == 12
    assert recipe == find("pretrain")


SETTINGS = ("crop=200", "resize=256", "corruption.kind=big-block", "corruption.side=0.3")


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (0, 2, 3, 1), (2, 3, 1, 0), (1, 2, 0, 3)], ids=str)
def test_settings_that_need_each_other_come_in_any_order(order):
    changed = override(find("pretrain"), [SETTINGS[number] for number in order])
    assert (changed.crop, changed.resize, changed.corruption) == (200, 256, BigBlock(0.3))
    with pytest.raises(RecipeError, match="at least the crop"):
        override(find("pretrain"), SETTINGS[:1])


def test_a_union_changes_by_its_kind():
    assert override(find("pretrain"), ["corruption.kind=big-block", "corruption.side=0.3"]).corruption == BigBlock(0.3)
    changed = override(find("pretrain"), ['corruption={"kind": "gaussian-noise", "sigma": 12}'])
    assert changed.corruption == GaussianNoise(12)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("epoch=3", "did you mean 'epochs'"),
        ("network.widht=1", "did you mean 'network.width'"),
        ("corruption.parts.0.sigmma=1", "did you mean 'corruption.parts.0.sigma'"),
        ("epochs", "write key=value"),
        ("epochs=many", "epochs: .* integer"),
        ("epochs=0", "epochs must be > 0"),
        ("network.shortcuts=some", "'all', 'input-output' or 'none'"),
        ("network.width=-1", "width must be > 0"),
        ("corruption.kind=hail", "corruption"),
        ("name=other", "another recipe"),
        ("stage=segment", "another recipe"),
        ("validation=2", r"validation must be in \[0, 1\]"),
        ("resize=10", "must be at least the crop"),
        ("factor=-1", "factor must be > 0"),
        ("test_crops=0", "test_crops must be"),
        ("network.full=[]", "at least one convolution"),
        ("network.full.0.stride=0", "stride must be >= 1"),
        ("network.full.0.kernel=2", "must be odd"),
    ],
)
def test_bad_settings_say_what_is_wrong(setting, message):
    with pytest.raises(RecipeError, match=message) as caught:
        override(find("pretrain"), [setting])
    assert "\n" not in str(caught.value)


def test_a_damaged_document_is_refused():
    values = to_dict(find("pretrain"))
    del values["epochs"]
    with pytest.raises(RecipeError, match="epochs"):
        from_dict(values)


def test_fields_of_a_recipe_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        find("pretrain").epochs = 3  # type: ignore[misc]
