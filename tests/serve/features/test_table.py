import dataclasses
from contextlib import contextmanager

import numpy as np
import pyarrow.parquet as pq
import pytest

from serve.errors import JobError
from serve.features import table as module
from serve.features.items import Item
from serve.features.listing import read_part
from serve.features.rows import Rows
from serve.features.table import FeatureTable, list_path, write_part

ITEMS = [Item(f"{index}.png", f"/x/{index}.png") for index in range(7)]


@contextmanager
def claimed(out, job, **how):
    with FeatureTable(out) as table:
        table.list(ITEMS, job.part_rows)
        table.claim(job, **how)
        yield table


def write(table, number):
    write_part(table.parts, number, rows_of(table.job, number))


def rows_of(job, number):
    rows = Rows(job, number)
    for row in range(job.rows_of(number)):
        index = 3 * number + row
        if index == 4:
            rows.fail(row, f"{index}.png", "broken")
        else:
            rows.put(row, f"{index}.png", 10, 20, np.array([index, 0.5], np.float32))
    return rows


def test_parts_become_one_table(job, tmp_path):
    out = tmp_path / "deep" / "features.parquet"
    with claimed(out, job) as table:
        for number in (2, 0, 1):
            write(table, number)
        written = table.finish()
    assert (written.rows, written.failed, written.shown) == (7, 1, (("4.png", "broken"),))
    read = pq.read_table(out)
    assert str(read.schema.field("embedding").type) == "fixed_size_list<element: float>[2]"
    assert read.column("path").to_pylist() == [f"{index}.png" for index in range(7)]
    assert read.column("embedding").to_pylist()[3:5] == [[3.0, 0.5], None]
    assert read.column("width").to_pylist()[3:5] == [10, None]
    assert read.column("error").to_pylist()[3:5] == [None, "broken"]
    assert read.schema.metadata[b"symae"]
    left = ["features.parquet", "features.parquet.errors.txt", "features.parquet.manifest.json"]
    assert sorted(path.name for path in out.parent.iterdir()) == left


def test_resume_knows_what_is_done_and_redoes_what_is_damaged(job, tmp_path):
    out = tmp_path / "features.parquet"
    with claimed(out, job) as table:
        write(table, 0)
        write(table, 2)
        (table.parts / "000001.tmp").write_bytes(b"half")
        (table.parts / "000002.parquet").write_bytes(b"PAR1 damaged")
    with claimed(out, job) as table:
        assert table.done() == {0}
    with claimed(out, job, overwrite=True) as table:
        assert table.done() == set()


@pytest.mark.parametrize(
    "change", [{"weights": "v"}, {"provider": "CUDA"}, {"files": "g", "count": 8}, {"shard": "1/2"}]
)
def test_another_job_is_refused(job, tmp_path, change):
    out = tmp_path / "features.parquet"
    with claimed(out, job):
        pass
    differs = pytest.raises(JobError, match=f"differs in {', '.join(change)}")
    with differs, claimed(out, dataclasses.replace(job, **change)):
        pass
    with FeatureTable(out) as table:  # its list is still the old one
        assert read_part(list_path(table.parts), 2) == ITEMS[6:]
    with claimed(out, dataclasses.replace(job, **change), overwrite=True):
        pass


def test_two_at_a_time_are_refused(job, tmp_path):
    out = tmp_path / "features.parquet"
    with claimed(out, job), pytest.raises(JobError, match="another process is at work"):
        FeatureTable(out)


def finished(out, job):
    with claimed(out, job) as table:
        for number in range(3):
            write(table, number)
        return table.finish()


def test_the_same_job_again_says_what_is_there_and_removes_what_a_kill_left(job, tmp_path, monkeypatch):
    out = tmp_path / "features.parquet"
    with monkeypatch.context() as killed:
        killed.setattr(module.shutil, "rmtree", lambda *_, **__: None)
        first = finished(out, job)
    before, parts = out.stat(), tmp_path / "features.parquet.parts"
    assert parts.exists()
    with claimed(out, job) as table:
        assert table.done() == {0, 1, 2}
        assert table.finish() == first
    assert (out.stat().st_ino, parts.exists()) == (before.st_ino, False)


@pytest.mark.parametrize("content", [None, b"no table"])
def test_what_is_not_of_this_job_is_left_alone(job, tmp_path, content):
    out = tmp_path / "features.parquet"
    if content is None:
        finished(out, job)
    else:
        out.write_bytes(content)
    before = out.read_bytes()
    with pytest.raises(JobError, match="exists already"), claimed(out, dataclasses.replace(job, files="g")):
        pass
    assert out.read_bytes() == before
    assert not (tmp_path / "features.parquet.parts").exists()


def test_overwriting_waits_for_its_turn(job, tmp_path):
    out = tmp_path / "features.parquet"
    with claimed(out, job):
        out.write_bytes(b"finished meanwhile")
        with pytest.raises(JobError, match="another process is at work"):
            FeatureTable(out)
        assert out.exists()
    with claimed(out, job, overwrite=True) as table:
        assert not out.exists() and table.done() == set()


def test_a_lock_of_a_folder_that_is_gone_is_taken_anew(job, tmp_path, monkeypatch):
    out, flock, opened = tmp_path / "features.parquet", module.fcntl.flock, []

    def late(lock, how):  # the holder of the lock finishes between our opening and our locking it
        if not opened:
            module.shutil.rmtree(tmp_path / "features.parquet.parts")
        opened.append(lock)
        flock(lock, how)

    monkeypatch.setattr(module.fcntl, "flock", late)
    with claimed(out, job), pytest.raises(JobError, match="another process is at work"):
        FeatureTable(out)
    assert len(opened) == 3


def test_rows_that_were_never_filled_are_refused(job, tmp_path):
    with claimed(tmp_path / "features.parquet", job) as table:
        rows = Rows(job, 0)
        rows.fail(1, "1.png", "broken")
        with pytest.raises(JobError, match="2 of 3 rows have no image"):
            write_part(table.parts, 0, rows)
        assert table.done() == set()


def test_a_place_that_was_never_claimed_is_left_clean(job, tmp_path):
    with FeatureTable(tmp_path / "features.parquet") as table:
        table.list(ITEMS, 3)
    assert list(tmp_path.iterdir()) == []
