import pytest

from benchmarks.capacity_check import fit


def test_service_times_are_fitted():
    assert fit({1: 0.003, 8: 0.010, 32: 0.034}) == (pytest.approx(0.002), pytest.approx(0.001))
    assert fit({1: 0.001, 10: 0.011})[0] == 0
