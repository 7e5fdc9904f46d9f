from benchmarks import scale_training


def test_it_measures_both_lines():
    ratio, memory = scale_training.measure(quick=True)
    assert (ratio.key, ratio.target, ratio.least) == ("trainer_over_bare", 0.95, True)
    assert ratio.value > 0
    assert "channels-last" in ratio.note and "images/s" in ratio.note
    assert (memory.key, memory.least) == ("streaming_memory", False)
    assert memory.value > 0
