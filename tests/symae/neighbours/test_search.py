import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from symae.neighbours import table
from symae.neighbours.search import mean_of, nearest, search
from symae.neighbours.table import open_features


@pytest.fixture(scope="module")
def features(tables, vectors, tmp_path_factory):
    return open_features(tables(tmp_path_factory.mktemp("search") / "f.parquet", vectors))


def by_hand(vectors, query, mean=0.0):
    """Cosines (N,) with one query, NaN for broken images."""
    whole = np.stack([np.full(8, np.nan) if v is None else v for v in vectors]).astype(float) - mean
    with np.errstate(invalid="ignore"):
        return whole @ (query - mean) / np.maximum(np.linalg.norm(whole, axis=1) * np.linalg.norm(query - mean), 1e-12)


@pytest.mark.parametrize("centred", [False, True])
@pytest.mark.parametrize("k", [1, 5, 99])
def test_the_nearest_are_those_of_all_cosines_sorted(features, vectors, k, centred):
    mean = mean_of(features) if centred else None
    queries = np.stack([vectors[0], vectors[42], np.ones(8, np.float32)])
    rows, scores = nearest(features, queries, k, mean=mean)
    for query, row, score in zip(queries, rows, scores, strict=True):
        cosines = by_hand(vectors, query.astype(float), 0.0 if mean is None else mean.astype(float))
        order = np.argsort(-np.nan_to_num(cosines, nan=-9), kind="stable")[:k]
        np.testing.assert_allclose(score, cosines[order], atol=1e-6)
        assert set(row) == set(order)


def test_the_mean_is_that_of_the_images_that_could_be_read(features, vectors):
    np.testing.assert_allclose(mean_of(features), np.mean([v for v in vectors if v is not None], 0), rtol=1e-6)


def test_equals_come_in_the_order_of_the_table(features, vectors):
    rows, scores = nearest(features, vectors[3][None], 2)
    assert rows.tolist() == [[3, 50]]
    np.testing.assert_allclose(scores, 1, atol=1e-6)


def test_an_image_is_not_its_own_neighbour_but_its_copy_is(features, vectors):
    found = search(features, np.stack([vectors[3], vectors[4]]), 3, leave_out=[3, -1])
    assert [neighbours[0].row.path for neighbours in found] == ["photos/050.jpg", "photos/004.jpg"]


def test_broken_images_are_nobodys_neighbours_and_there_may_be_fewer_than_k(features, vectors):
    rows, scores = nearest(features, vectors[0][None], 120)
    assert 7 not in rows and (rows[0, 99:] == -1).all() and np.isneginf(scores[0, 99:]).all()
    assert len(search(features, vectors[0][None], 120)[0]) == 99


def test_zeros_are_near_to_nothing(features):
    assert (nearest(features, np.zeros((1, 8), np.float32), 3)[1] == 0).all()


def test_progress_tells_of_every_row(features, vectors):
    told = []
    search(features, vectors[0][None], 1, advance=told.append)
    assert sum(told) == 100 and len(told) > 1


def test_memory_does_not_grow_with_the_table(tables, tmp_path, monkeypatch):
    monkeypatch.setattr(table, "BATCH", 500 * 64)
    peaks = []
    for count in (1_000, 8_000):
        values = np.random.default_rng(0).normal(size=(count, 64))
        features = open_features(tables(tmp_path / f"{count}.npy", values, array=True, group=1_000))
        tracemalloc.start()
        nearest(features, np.ones((1, 64), np.float32), 5)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]


def test_search_needs_no_torch_and_no_runtime():
    code = (
        "import sys, symae.neighbours.search\n"
        "bad = [m for m in ('torch', 'onnxruntime', 'grpc', 'PIL') if m in sys.modules]\nassert not bad, bad\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[3], check=False
    )
    assert done.returncode == 0, done.stderr
