import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from symae.errors import DataError
from symae.neighbours.table import Row, open_features


@pytest.mark.parametrize("kind", ["parquet", "npy", "parts"])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_every_kind_of_table_gives_the_same_rows(tables, vectors, tmp_path, kind, dtype):
    if kind == "parts":
        path = tmp_path / "f.parquet.parts"
        path.mkdir()
        pq.write_table(pa.table({"image": ["a"]}), path / "list.parquet")
        tables(path / "000000.parquet", vectors[:64], dtype=dtype)
        tables(path / "000001.parquet", vectors[64:], paths=[f"photos/{n:03}.jpg" for n in range(64, 100)], dtype=dtype)
    else:
        path = tables(tmp_path / f"f.{kind}", vectors, dtype=dtype, array=kind == "npy")
    features = open_features(path)
    whole = np.concatenate(list(features.batches()))
    expected = np.stack([np.full(8, np.nan) if v is None else v.astype(dtype) for v in vectors]).astype(np.float32)
    assert (len(features), whole.dtype) == (100, np.float32)
    np.testing.assert_array_equal(whole, expected)
    np.testing.assert_array_equal(features.vectors([99, 7, 3, 3]), expected[[99, 7, 3, 3]])
    assert features.rows([99, 7]) == [Row(99, "photos/099.jpg", 40, 30), Row(7, "photos/007.jpg", 0, 0)]
    assert features.find(["photos/070.jpg", "photos/002.jpg", "none.jpg"]) == {
        "photos/070.jpg": 70,
        "photos/002.jpg": 2,
    }


def test_what_symae_embed_says_of_itself_is_read(tables, vectors, tmp_path):
    origin = open_features(tables(tmp_path / "f.parquet", vectors, keep_size=True)).origin
    assert (origin.model, origin.version, origin.weights, origin.size, origin.keep_size) == (
        "toy-encoder", "1", "w", 8, True,
    )  # fmt: skip


def test_tables_of_two_encoders_are_not_one(tables, vectors, tmp_path):
    tables(tmp_path / "a.parquet", vectors)
    tables(tmp_path / "b.parquet", vectors, weights="other", version="2")
    with pytest.raises(DataError, match=r"b\.parquet is of toy-encoder version 2 .*, .*a\.parquet of toy"):
        open_features(tmp_path)


def test_what_is_no_table_is_one_line(tables, vectors, tmp_path):
    (tmp_path / "text.parquet").write_text("nothing")
    pq.write_table(pa.table({"x": [1]}), tmp_path / "other.parquet")
    job = json.dumps({"model": "m"})
    pq.write_table(pa.table({"x": [1]}).replace_schema_metadata({"symae": job}), tmp_path / "half.parquet")
    (tmp_path / "todo.parquet.parts").mkdir()
    (tmp_path / "empty").mkdir()
    np.save(tmp_path / "alone.npy", np.zeros((2, 2)))
    tables(tmp_path / "short.npy", vectors, array=True)
    np.save(tmp_path / "short.npy", np.zeros((2, 8), np.float32))
    for name, message in {
        "text.parquet": "is no readable Parquet file",
        "other.parquet": "is no table of features",
        "half.parquet": "is no table of features",
        "none.parquet": "there is no table .*none.parquet: write one with symae embed",
        "todo.parquet": "what there is so far is in .*todo.parquet.parts",
        "empty": "no table of features in the folder",
        "alone.npy": "alone.npy.parquet is missing",
    }.items():
        with pytest.raises(DataError, match=message):
            open_features(tmp_path / name)
    with pytest.raises(DataError, match=r"has 2 rows, .*short.npy.parquet 100"):
        list(open_features(tmp_path / "short.npy").batches())


def test_damage_that_shows_late_is_named(tables, vectors, tmp_path):
    path = tables(tmp_path / "f.parquet", vectors)
    features = open_features(path)
    data = bytearray(path.read_bytes())
    data[4 : len(data) // 2] = bytes(len(data) // 2 - 4)
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"f\.parquet is damaged"):
        list(features.batches())
