import dataclasses
import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from serve.features import outputs
from serve.features.outputs import join, left_by, summary
from serve.features.rows import Rows
from serve.features.table import write_part


@pytest.fixture
def parts(tmp_path):
    """A function that writes a job's parts: row i has the value i everywhere, row 4 is broken."""

    def write(job):
        folder = tmp_path / "parts"
        folder.mkdir()
        for number in range(job.parts):
            rows = Rows(job, number)
            for row in range(job.rows_of(number)):
                index = number * job.part_rows + row
                if index == 4:
                    rows.fail(row, "4.png", "broken")
                else:
                    rows.put(row, f"{index}.png", 10, 20, np.full(job.shape, index, np.float32))
            write_part(folder, number, rows)
        return folder, sorted(folder.glob("*.parquet"))

    return write


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize(("output", "shape"), [("embedding", (2,)), ("feature_map", (2, 3, 4))])
def test_an_array_to_be_mapped_and_a_table_beside_it(job, parts, tmp_path, output, shape, dtype):
    job = dataclasses.replace(job, output=output, shape=shape, dtype=dtype)
    folder, paths = parts(job)
    out = tmp_path / "features.npy"
    join(out, job, paths, folder)
    array = np.load(out, mmap_mode="r")
    assert (array.shape, array.dtype) == ((7, *shape), dtype)
    for index in (0, 3, 5, 6):
        assert (array[index] == index).all()
    assert np.isnan(array[4]).all()
    table = pq.read_table(f"{out}.parquet")
    assert table.column_names == ["path", "width", "height", "error"]
    assert table.column("path").to_pylist() == [f"{index}.png" for index in range(7)]
    assert summary(out).shown == (("4.png", "broken"),)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_a_table_of_maps_says_their_shape(job, parts, tmp_path, dtype):
    job = dataclasses.replace(job, output="feature_map", shape=(1, 2, 3), dtype=dtype)
    folder, paths = parts(job)
    join(tmp_path / "out.parquet", job, paths, folder)
    table = pq.read_table(tmp_path / "out.parquet")
    assert json.loads(table.schema.metadata[b"symae"])["shape"] == [1, 2, 3]
    assert table.column("feature_map").to_pylist()[3:5] == [[3.0] * 6, None]


def test_bad_images_are_listed_and_a_manifest_says_what_it_was(job, parts, tmp_path):
    folder, paths = parts(job)
    out = tmp_path / "out.parquet"
    join(out, job, paths, folder)
    manifest, errors, _ = left_by(out)
    assert errors.read_text() == "4.png\tbroken\n"
    document = json.loads(manifest.read_text())
    assert (document["rows"], document["failed"], document["job"]["weights"]) == (7, 1, "w")
    assert document["versions"]["numpy"] == np.__version__


def test_without_bad_images_there_is_no_list_of_them(job, parts, tmp_path):
    folder, paths = parts(dataclasses.replace(job, count=3))
    out = tmp_path / "out.parquet"
    join(out, dataclasses.replace(job, count=3), paths, folder)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.parquet", "out.parquet.manifest.json", "parts"]


def test_what_is_stopped_while_it_is_joined_leaves_no_table(job, parts, tmp_path, monkeypatch):
    folder, paths = parts(job)
    monkeypatch.setattr(outputs, "_manifest", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    for name in ("out.parquet", "out.npy"):
        with pytest.raises(KeyboardInterrupt):
            join(tmp_path / name, job, paths, folder)
        assert not outputs.table_path(tmp_path / name).exists()
