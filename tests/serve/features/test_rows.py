import dataclasses

import numpy as np
import pytest

from serve.errors import JobError
from serve.features.rows import Rows


def test_float16_is_rounded_and_what_it_cannot_hold_is_an_error(job):
    rows = Rows(dataclasses.replace(job, dtype="float16"), 0)
    rows.put(0, "0.png", 1, 2, np.array([0.1, -2], np.float32))
    rows.put(1, "1.png", 1, 2, np.array([1e5, 0], np.float32))
    rows.put(2, "2.png", 1, 2, np.array([65504, 0], np.float32))
    table = rows.table()
    assert str(table.schema.field("embedding").type) == "fixed_size_list<item: halffloat>[2]"
    assert table.column("embedding").to_pylist() == [[np.float16(0.1), -2], None, [65504, 0]]
    assert table.column("error").to_pylist() == [None, "a value is beyond what float16 can hold", None]
    assert table.column("width").to_pylist() == [1, None, 1]


def test_all_rows_of_a_part_are_to_be_filled(job):
    rows = Rows(job, 2)
    with pytest.raises(JobError, match="1 of 1 rows have no image"):
        rows.table()
