import dataclasses

import numpy as np
import pyarrow.parquet as pq
import pytest

from serve import table as module
from serve.errors import JobError
from serve.table import FeatureTable, Job, Rows

JOB = Job("m", "1", "w", size=2, keep_size=False, files="f", shard="1/1", count=7, batch=4)


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
    with pytest.raises(JobError, match="exists already"):
        FeatureTable(out, JOB)


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


@pytest.mark.parametrize("change", [{"weights": "v"}, {"files": "g", "count": 8}, {"shard": "1/2"}])
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
