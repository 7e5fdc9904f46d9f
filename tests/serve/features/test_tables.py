from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from serve.errors import JobError
from serve.features import tables
from serve.features.tables import ImageTables, count_rows


@pytest.mark.parametrize("how", ["struct", "bytes"])
def test_every_row_is_read_by_whatever_thread(tmp_path, pictures, tabulate, how):
    path = str(tabulate(tmp_path / "images.parquet", pictures, how))
    other = str(tabulate(tmp_path / "other.parquet", pictures[::-1], how))
    assert count_rows(path) == 10
    images = ImageTables()
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda row: images.read(path, row), range(10))) == pictures
        assert list(pool.map(lambda row: images.read(other, row), reversed(range(10)))) == pictures


def test_a_group_of_rows_is_read_once_for_neighbours(tmp_path, pictures, tabulate, monkeypatch):
    path, opened = str(tabulate(tmp_path / "images.parquet", pictures)), []
    table = tables._table
    monkeypatch.setattr(tables, "_table", lambda file: opened.append(file) or table(file))
    images = ImageTables()
    for row in (0, 3, 1, 4, 2, 5):  # as threads that read ahead do at the border of two groups
        images.read(path, row)
    assert len(opened) == 3  # the footer, two groups


def test_a_row_without_an_image_is_an_error_of_its_own(tmp_path):
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    column = pa.array([{"bytes": None, "path": "a.png"}, None, {"bytes": b"x", "path": None}], kind)
    pq.write_table(pa.table({"picture": column}), tmp_path / "images.parquet")
    images = ImageTables()
    for row in (0, 1):
        with pytest.raises(OSError, match="no image in this row"):
            images.read(str(tmp_path / "images.parquet"), row)
    assert images.read(str(tmp_path / "images.parquet"), 2) == b"x"


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"label": [1]}, "no column of images.*it has label"),
        ({"a": [b"1"], "b": [b"2"]}, "several columns of images"),
        ({"a": [{"size": 1}]}, "no column of images"),
    ],
)
def test_tables_without_images_are_refused(tmp_path, columns, message):
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    with pytest.raises(JobError, match=message):
        count_rows(str(tmp_path / "t.parquet"))


def test_what_is_no_table_is_refused(tmp_path):
    (tmp_path / "t.parquet").write_bytes(b"x" * 100)
    with pytest.raises(JobError, match="is no readable Parquet file"):
        count_rows(str(tmp_path / "t.parquet"))


def test_a_table_that_was_changed_after_it_was_listed_is_noticed(tmp_path, pictures, tabulate):
    path = tabulate(tmp_path / "images.parquet", pictures)
    total = path.stat().st_size
    tabulate(path, pictures[:-1])
    with pytest.raises(JobError, match="the images were changed"):
        ImageTables().read(str(path), 0, total)


def test_a_column_may_have_a_dot_in_its_name(tmp_path):
    pq.write_table(pa.table({"img.jpg": [b"x"]}), tmp_path / "t.parquet")
    assert ImageTables().read(str(tmp_path / "t.parquet"), 0) == b"x"
