"""Tables as `symae embed` writes them, with vectors of our own."""

import contextlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from serve.features.extract import ExtractOptions, extract
from serve.features.job import Job
from serve.features.local import Local
from serve.features.rows import schema_of
from serve.session import RuntimeOptions, open_only


def write_table(path: Path, vectors, *, paths=None, dtype="float32", group=16, array=False, **job):
    """Write rows of vectors (N, D), None for a broken image; as `symae.neighbours.table` finds them."""
    count, size = len(vectors), len(next(v for v in vectors if v is not None))
    facts = {
        "model": "toy-encoder", "version": "1", "weights": "w", "provider": "CPU", "output": "embedding",
        "shape": (size,), "dtype": dtype, "keep_size": False, "full_decode": False, "files": "f", "shard": "1/1",
        "count": count, "batch": 32, "part_rows": group,
    } | job  # fmt: skip
    schema = schema_of(Job(**facts))
    columns = [
        pa.array(paths or [f"photos/{number:03}.jpg" for number in range(count)]),
        *(pa.array([None if v is None else side for v in vectors], pa.int32()) for side in (40, 30)),
        pa.array([None if v is None else np.asarray(v, dtype) for v in vectors], schema.field(3).type),
        pa.array(["broken" if v is None else None for v in vectors], pa.string()),
    ]
    table = pa.Table.from_arrays(columns, schema=schema)
    if array:
        np.save(path, np.stack([np.full(size, np.nan) if v is None else v for v in vectors]).astype(dtype))
        pq.write_table(table.drop_columns(["embedding"]), f"{path}.parquet", row_group_size=group)
    else:
        pq.write_table(table, path, row_group_size=group)
    return path


@pytest.fixture(scope="session")
def tables():
    """The function above."""
    return write_table


@pytest.fixture(scope="session")
def vectors():
    """100 vectors of 8, positive as after a ReLU; 7 is broken, 50 a copy of 3, 60 of zeros."""
    values = list(np.abs(np.random.default_rng(0).normal(size=(100, 8))).astype(np.float32))
    values[7], values[50], values[60] = None, values[3], np.zeros(8, np.float32)
    return values


@pytest.fixture(scope="session")
def house(tmp_path_factory, toys):
    """A folder with an encoder of mean colours, pictures of one colour each, and their table; 5.png is broken.

    photos/0.png is red, 1.png nearly red, 2.png green, 3.png blue, 4.png a little blue, and new.png is red, too.
    """
    folder = tmp_path_factory.mktemp("house")
    toys.write_encoder(folder / "models" / "toy-encoder" / "1" / "model.onnx")
    (folder / "photos").mkdir()
    colours = [(250, 0, 0), (240, 30, 0), (0, 250, 0), (0, 0, 250), (30, 30, 200)]
    for number, colour in enumerate(colours):
        Image.new("RGB", (40, 30), colour).save(folder / "photos" / f"{number}.png")
    (folder / "photos" / "5.png").write_bytes(b"broken")
    Image.new("RGB", (200, 100), (200, 5, 0)).save(folder / "new.png")
    session = open_only("encoder", folder / "models", RuntimeOptions())
    with contextlib.chdir(folder):
        for name in ("features.parquet", "features.npy"):
            extract(Local(session), ["photos"], Path(name), ExtractOptions(threads=1), lambda *_: lambda _: None)
    return folder
