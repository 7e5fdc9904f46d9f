import math

import pytest

from serve.bench.sample import Log


def log(*calls):
    kept = Log()
    for call in calls:
        kept.add(*call)
    return kept


def test_rates_count_what_ended_in_the_window_and_times_what_was_due_in_it():
    sample = log((0.5, 1.5, "OK"), (1.5, 1.6, "OK"), (1.8, 2.8, "OK"), (2.5, 2.6, "OK")).sample(1.0, 2.0)
    assert sample.ended["OK"] == 2
    assert sorted(sample.took["OK"].round(6).tolist()) == [0.1, 1.0]
    assert sample.figures(images=8).images_per_second == 16


def test_percentiles_are_of_good_calls_and_refusals_stand_apart():
    good = [(i / 100, i / 100 + (1 + i) / 1000, "OK") for i in range(100)]
    figures = log(*good, (0.5, 0.502, "RESOURCE_EXHAUSTED"), (0.6, 0.7, "UNAVAILABLE")).sample(0.0, 5.0).figures(1)
    assert (figures.p50, figures.p99) == (pytest.approx(0.0505), pytest.approx(0.09901))
    assert figures.errors == {"RESOURCE_EXHAUSTED": 1, "UNAVAILABLE": 1}
    assert figures.refusal_p99 == pytest.approx(0.099, abs=0.002)


def test_nothing_answered_has_no_percentiles():
    figures = log((0.1, 0.2, "UNAVAILABLE")).sample(0.0, 1.0).figures(1)
    assert math.isnan(figures.p50) and figures.images_per_second == 0
