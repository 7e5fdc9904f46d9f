import json

import pytest

from serve.metadata import MetadataError, ModelMetadata

AUTOENCODER = ModelMetadata("autoencoder", 3, 29, 32, stride=2, receptive_field=9, halo=7, quality={"psnr": 28.5})


def without(metadata, *keys, **changes):
    document = json.loads(metadata.to_json())
    return json.dumps({key: value for key, value in document.items() if key not in keys} | changes)


def test_what_is_written_is_read():
    assert ModelMetadata.from_json(AUTOENCODER.to_json()) == AUTOENCODER


def test_unknown_keys_are_passed_over():
    assert ModelMetadata.from_json(without(AUTOENCODER, later=1)) == AUTOENCODER


@pytest.mark.parametrize(
    ("kind", "written", "halo"),
    [
        ("autoencoder", {}, 8),  # half of the field on the way in, and as much on the way out
        ("segmenter", {}, 8),
        ("encoder", {}, 4),
        ("encoder", {"halo": 0}, 4),  # as older exports wrote it
        ("classifier", {}, 0),
        ("autoencoder", {"halo": 7}, 7),
        ("autoencoder", {"halo": 0}, 0),
    ],
)
def test_a_halo_that_was_not_written_is_the_largest_possible(kind, written, halo):
    assert ModelMetadata.from_json(without(AUTOENCODER, "halo", kind=kind, **written)).halo == halo


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 1}', '{"format": 2}', '{"format": 1, "kind": "cat"}'])
def test_damage_is_one_line(text):
    with pytest.raises(MetadataError) as error:
        ModelMetadata.from_json(text)
    assert "\n" not in str(error.value)
