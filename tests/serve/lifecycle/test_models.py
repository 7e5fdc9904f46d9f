import asyncio

import pytest

from serve import errors
from serve.catalogue import ModelState
from serve.config import ServeConfig
from serve.lifecycle.models import Models
from serve.server import load_sessions


@pytest.fixture
def twice(tmp_path, toys):
    for name in ("cats", "dogs"):
        toys.write_encoder(tmp_path / name / "1" / "model.onnx", resize=20, crop=16)
    return tmp_path


def test_a_name_is_needed_where_there_are_several_or_none(twice, serving, rng):
    image = rng.integers(0, 256, (24, 30, 3), "uint8")
    with serving(twice) as client:
        with pytest.raises(errors.RequestError, match=r"exactly one encoder: this server has cats, dogs"):
            client.embed([image])
        with pytest.raises(errors.RequestError, match=r"exactly one segmenter: this server has none"):
            client.segment([image])
        assert client.embed([image], model="dogs").timing.model == "dogs"


def test_the_models_resize_rule_is_applied_unless_told_otherwise(twice, serving, rng):
    image = rng.integers(0, 256, (24, 30, 3), "uint8")
    with serving(twice) as client:
        fitted = client.embed([image, image[:20, :20]], model="cats", feature_maps=True)
        assert [feature_map.shape for feature_map in fitted.feature_maps] == [(3, 16, 16)] * 2
        (kept,) = client.embed([image], model="cats", feature_maps=True, keep_size=True).feature_maps
        assert kept.shape == (3, 24, 30)
        (cropped,) = client.embed([image[:20, :24]], model="cats", feature_maps=True).feature_maps
        assert (cropped.transpose(1, 2, 0) * 255 + 0.5).astype("uint8").tolist() == image[2:18, 4:20].tolist()


def test_names_versions_and_states(twice):
    config = ServeConfig(threads=1, providers=("CPU",))
    sessions = load_sessions(twice, config)

    async def main():
        models = Models(sessions, config)
        assert models.find("cats") is models.find("cats", "1") is models.pick("encoder", "cats")
        with pytest.raises(errors.ModelNotFoundError, match=r"no version '2' of 'cats', this server has version 1"):
            models.find("cats", "2")
        with pytest.raises(errors.ModelNotFoundError, match=r"no model 'cows', this server has cats, dogs"):
            models.find("cows")
        models.note(ModelState("cats", "10", "FAILED", "why"))
        models.note(ModelState("cats", "2", "LOADING"))
        with models.find("dogs").batcher.budget.reserve(1):
            removing = asyncio.create_task(models.remove("dogs"))
            await asyncio.sleep(0.05)
            assert [(s.name, s.version, s.state) for s in models.states()] == [
                ("cats", "1", "READY"),
                ("cats", "2", "LOADING"),
                ("cats", "10", "FAILED"),
                ("dogs", "1", "UNLOADING"),
            ]
            assert [model.name for model in models] == ["cats"]
        await asyncio.wait_for(removing, 10)
        assert [s.name for s in models.states()] == ["cats"] * 3
        await models.close()
        with pytest.raises(errors.UnavailableError):
            await models.put(sessions[0])

    asyncio.run(main())
