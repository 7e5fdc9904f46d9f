import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from symae.runpage.table import read_metrics

TEXT = (
    "epoch,step,loss,learning_rate,images_per_second,data_wait,seconds,psnr\n"
    "1,10,0.5,0.001,100.0,0.1,2.0,\n"
    "2,20,0.25,0.001,200.0,0.2,1.0,21.5\n"
    "3,30,nan,0.0001,200.0,0.2,1.0,20.25\n"
)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return tmp_path_factory.mktemp("table") / "metrics.csv"


@settings(deadline=None)
@given(st.integers(0, len(TEXT)))
def test_cut_anywhere_whole_lines_are_read_and_no_number_is_wrong(file, length):
    file.write_text(TEXT[:length])
    found = read_metrics(file)
    whole = max(0, TEXT[:length].count("\n") - 1)
    assert found.epochs == whole
    assert found.unread == (0 if not length or TEXT[length - 1] == "\n" else 1)


def test_series_leave_out_what_is_no_number(file):
    file.write_text(TEXT)
    found = read_metrics(file)
    assert found.series("loss") == ((1, 0.5), (2, 0.25))
    assert found.measured == ("psnr",)
    assert (found.best("psnr"), found.last("psnr"), found.last("ssim")) == ((2, 21.5), 20.25, None)
    assert (found.total("seconds"), found.total("images_per_second")) == (4.0, 600.0)
    assert math.isnan(found.rows[-1]["loss"])


@pytest.mark.parametrize("line", ["x,y", "3,30", "3,30,abc,1,1,1,1,1", "\0x", "4,40,1,1,1,1,1,1,1,1,1"])
def test_a_damaged_line_costs_itself_alone(file, line):
    file.write_text(TEXT + line + "\n" + "5,50,0.1,1,1,0,1,2\n")
    found = read_metrics(file)
    assert found.epochs == 5
    assert found.unread == (0 if line.startswith("4") else 1)


def test_no_table_is_an_empty_one(tmp_path):
    assert read_metrics(tmp_path / "none.csv").epochs == 0


def test_an_epoch_that_was_run_again_counts_as_it_was_last(file):
    file.write_text(TEXT + "2,20,0.125,0.001,200.0,0.2,1.0,22.5\n")
    assert read_metrics(file).series("loss") == ((1, 0.5), (2, 0.125))
