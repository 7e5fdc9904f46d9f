import dataclasses

import numpy as np
import pyarrow.parquet as pq
import pytest

from serve.errors import JobError
from serve.features import table as module
from serve.features.rows import Job, Rows
from serve.features.table import FeatureTable

JOB = Job("m", "1", "w", "CPU", size=2, keep_size=False, files="f", shard="1/1", count=7, batch=4)


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    monkeypatch.setattr(module, "PART_ROWS", 3)


def rows_of(table, number):
    rows = Rows(table.rows_of(number), 2)
    for row in range(table.rows_of(number)):
        index = 3 * number + row
        if index == 4:
            rows.fail(row, f"{index}.png", "broken")
        else:
            rows.put(row, f"{index}.png", 10, 20, np.array([index, 0.5], np.float32))
    return rows


def test_parts_become_one_table(tmp_path):
    out = tmp_path / "deep" / "features.parquet"
    with FeatureTable(out, JOB) as table:
        for number in (2, 0, 1):
            table.write(number, rows_of(table, number))
        written = table.finish()
    assert (written.rows, written.failed, written.shown) == (7, 1, (("4.png", "broken"),))
    read = pq.read_table(out)
    assert str(read.schema.field("embedding").type) == "fixed_size_list<element: float>[2]"
    assert read.column("path").to_pylist() == [f"{index}.png" for index in range(7)]
    assert read.column("embedding").to_pylist()[3:5] == [[3.0, 0.5], None]
    assert read.column("width").to_pylist()[3:5] == [10, None]
    assert read.column("error").to_pylist()[3:5] == [None, "broken"]
    assert read.schema.metadata[b"symae"]
    assert [path.name for path in out.parent.iterdir()] == ["features.parquet"]


def test_resume_knows_what_is_done_and_redoes_what_is_damaged(tmp_path):
    out = tmp_path / "features.parquet"
    with FeatureTable(out, JOB) as table:
        table.write(0, rows_of(table, 0))
        table.write(2, rows_of(table, 2))
        (table.parts / "000001.tmp").write_bytes(b"half")
        (table.parts / "000002.parquet").write_bytes(b"PAR1 damaged")
    with FeatureTable(out, JOB) as table:
        assert table.done() == {0}
    with FeatureTable(out, JOB, overwrite=True) as table:
        assert table.done() == set()


@pytest.mark.parametrize(
    "change", [{"weights": "v"}, {"provider": "CUDA"}, {"files": "g", "count": 8}, {"shard": "1/2"}]
)
def test_another_job_is_refused(tmp_path, change):
    out = tmp_path / "features.parquet"
    with FeatureTable(out, JOB):
        pass
    with pytest.raises(JobError, match=f"differs in {', '.join(change)}"):
        FeatureTable(out, dataclasses.replace(JOB, **change))
    with FeatureTable(out, dataclasses.replace(JOB, **change), overwrite=True):
        pass


def test_two_at_a_time_are_refused(tmp_path):
    out = tmp_path / "features.parquet"
    with FeatureTable(out, JOB), pytest.raises(JobError, match="another process is at work"):
        FeatureTable(out, JOB)


def finished(out):
    with FeatureTable(out, JOB) as table:
        for number in range(3):
            table.write(number, rows_of(table, number))
        return table.finish()


def test_the_same_job_again_says_what_is_there_and_removes_what_a_kill_left(tmp_path, monkeypatch):
    out = tmp_path / "features.parquet"
    with monkeypatch.context() as killed:
        killed.setattr(module.shutil, "rmtree", lambda *_, **__: None)
        first = finished(out)
    before, parts = out.stat(), tmp_path / "features.parquet.parts"
    assert parts.exists()
    with FeatureTable(out, JOB) as table:
        assert table.done() == {0, 1, 2}
        assert table.finish() == first
    assert (out.stat().st_ino, parts.exists()) == (before.st_ino, False)


@pytest.mark.parametrize("content", [None, b"no table"])
def test_what_is_not_of_this_job_is_left_alone(tmp_path, content):
    out = tmp_path / "features.parquet"
    if content is None:
        finished(out)
    else:
        out.write_bytes(content)
    before = out.read_bytes()
    with pytest.raises(JobError, match="exists already"):
        FeatureTable(out, dataclasses.replace(JOB, files="g"))
    assert out.read_bytes() == before
    assert list(tmp_path.iterdir()) == [out]


def test_overwriting_waits_for_its_turn(tmp_path):
    out = tmp_path / "features.parquet"
    with FeatureTable(out, JOB):
        out.write_bytes(b"finished meanwhile")
        with pytest.raises(JobError, match="another process is at work"):
            FeatureTable(out, JOB, overwrite=True)
        assert out.exists()
    with FeatureTable(out, JOB, overwrite=True) as table:
        assert not out.exists() and table.done() == set()


def test_a_lock_of_a_folder_that_is_gone_is_taken_anew(tmp_path, monkeypatch):
    out, flock, opened = tmp_path / "features.parquet", module.fcntl.flock, []

    def late(lock, how):  # the holder of the lock finishes between our opening and our locking it
        if not opened:
            module.shutil.rmtree(tmp_path / "features.parquet.parts")
        opened.append(lock)
        flock(lock, how)

    monkeypatch.setattr(module.fcntl, "flock", late)
    with FeatureTable(out, JOB), pytest.raises(JobError, match="another process is at work"):
        FeatureTable(out, JOB)
    assert len(opened) == 3


def test_rows_that_were_never_filled_are_refused(tmp_path):
    with FeatureTable(tmp_path / "features.parquet", JOB) as table:
        rows = Rows(3, 2)
        rows.fail(1, "1.png", "broken")
        with pytest.raises(JobError, match="2 of 3 rows have no image"):
            table.write(0, rows)
        assert table.done() == set()
