"""A job of two values a row, and folders of small images in every kind of container."""

import io
import tarfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from serve.features.job import Job


@pytest.fixture
def job():
    return Job(
        "m", "1", "w", "CPU", output="embedding", shape=(2,), dtype="float32", keep_size=False, full_decode=False,
        files="f", shard="1/1", count=7, batch=4, part_rows=3,
    )  # fmt: skip


@pytest.fixture
def pictures(rng):
    """Bytes of ten images of three sizes."""

    def encoded(index):
        file = io.BytesIO()
        Image.fromarray(rng.integers(0, 256, (5 + index % 3, 6, 3), np.uint8)).save(file, "PNG")
        return file.getvalue()

    return [encoded(index) for index in range(10)]


@pytest.fixture
def pack():
    """A function that writes images as a tar."""

    def write(path, images):
        with tarfile.open(path, "w") as tar:
            for index, data in enumerate(images):
                info = tarfile.TarInfo(f"{index}.png")
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
        return path

    return write


@pytest.fixture
def tabulate():
    """A function that writes images as a Parquet file, as bytes or as Hugging Face does."""

    def write(path, images, how="struct", group=3):
        if how == "struct":
            kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
            column = pa.array([{"bytes": data, "path": f"{index}.png"} for index, data in enumerate(images)], kind)
        else:
            column = pa.array(images, pa.binary())
        table = pa.table({"image": column, "label": pa.array(range(len(images)))})
        pq.write_table(table, path, row_group_size=group)
        return path

    return write
