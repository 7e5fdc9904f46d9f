import io
import tarfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from symae.neighbours.pictures import Pictures


def encoded(size, colour, kind="PNG", **options):
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, kind, **options)
    return buffer.getvalue()


def test_a_picture_is_small_upright_and_as_long_as_wanted(tmp_path):
    turned = Image.Exif()
    turned[0x0112] = 6  # lies on its side
    (tmp_path / "a.jpg").write_bytes(encoded((400, 200), "red", "JPEG", exif=turned))
    assert Pictures().small(str(tmp_path / "a.jpg"), 64).size == (32, 64)


def test_members_of_tars_and_rows_of_tables_are_found(tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        member = tarfile.TarInfo("cats/1.png")
        member.size = len(data := encoded((8, 8), "lime"))
        tar.addfile(member, io.BytesIO(data))
    rows = pa.array([encoded((8, 8), "blue"), encoded((8, 8), "red")])
    pq.write_table(pa.table({"image": rows}), tmp_path / "t.parquet")
    pictures = Pictures()
    assert pictures.small(f"{tmp_path}/a.tar/cats/1.png", 64).getpixel((0, 0)) == (0, 255, 0)
    assert pictures.small(f"{tmp_path}/t.parquet/1", 64).getpixel((0, 0)) == (255, 0, 0)
    assert pictures.small(f"{tmp_path}/a.tar/cats/2.png", 64) is None
    assert pictures.small(f"{tmp_path}/t.parquet/x", 64) is None


@pytest.mark.parametrize("path", ["nowhere.jpg", "s3://bucket/a.jpg", "BROKEN", "FOLDER"])
def test_what_cannot_be_shown_is_none(tmp_path, path):
    (tmp_path / "b.png").write_bytes(b"broken")
    named = {"BROKEN": str(tmp_path / "b.png"), "FOLDER": str(tmp_path)}.get(path, path)
    assert Pictures().small(named, 64) is None
