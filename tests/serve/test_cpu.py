import os

import pytest

from serve.cpu import usable_cpus

ALL = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


@pytest.mark.parametrize(("text", "expected"), [("50000 100000", 1), ("max 100000", ALL), ("999900000 100000", ALL)])
def test_quota_of_version_2(tmp_path, text, expected):
    (tmp_path / "cpu.max").write_text(text)
    assert usable_cpus(tmp_path) == expected


@pytest.mark.parametrize(("quota", "expected"), [("100000", 1), ("-1", ALL)])
def test_quota_of_version_1(tmp_path, quota, expected):
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu/cpu.cfs_quota_us").write_text(quota)
    (tmp_path / "cpu/cpu.cfs_period_us").write_text("100000")
    assert usable_cpus(tmp_path) == expected


def test_without_control_groups(tmp_path):
    assert usable_cpus(tmp_path) == ALL
