import numpy as np
import pytest

from symae.errors import DataError
from symae.neighbours.query import find_queries
from symae.neighbours.table import open_features


@pytest.fixture
def features(house, monkeypatch):
    monkeypatch.chdir(house)
    return open_features(house / "features.parquet")


def refuse(origin, images):
    raise AssertionError(f"{images} need no encoder")


@pytest.mark.parametrize("path", ["photos/3.png", "./photos/3.png", "photos/../photos/3.png", "ABSOLUTE"])
def test_a_row_is_found_however_it_is_written(features, house, path):
    (query,) = find_queries(features, [str(house / "photos/3.png") if path == "ABSOLUTE" else path], refuse)
    assert query.row == 3
    np.testing.assert_array_equal(query.vector, features.vectors([3])[0])


def test_a_row_needs_no_file(features, house, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert find_queries(features, ["photos/2.png"], refuse)[0].row == 2


def test_others_are_embedded_together_and_the_order_stays(features):
    asked = []

    def encode(origin, images):
        asked.append([str(image) for image in images])
        return np.ones((len(images), 3), np.float32)

    found = find_queries(features, ["new.png", "photos/1.png", "models/toy-encoder/1/model.onnx"], encode)
    assert asked == [["new.png", "models/toy-encoder/1/model.onnx"]]
    assert [query.row for query in found] == [-1, 1, -1]


def test_what_cannot_be_asked_for_is_one_line(features):
    with pytest.raises(DataError, match=r"nowhere.png is neither a row of .*features.parquet nor an image file"):
        find_queries(features, ["nowhere.png"], refuse)
    with pytest.raises(DataError, match=r"photos/5.png has no features in"):
        find_queries(features, ["photos/5.png"], refuse)
