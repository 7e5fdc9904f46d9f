import pytest

from serve import errors


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
