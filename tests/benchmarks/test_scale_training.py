from benchmarks import scale_training


def test_it_measures_its_lines():
    ratio, choices, memory = scale_training.measure(quick=True)
    assert (ratio.key, ratio.target, ratio.least) == ("trainer_over_bare", 0.95, True)
    assert ratio.value > 0
    assert "images/s" in ratio.note
    assert choices.value > 0 and "channels-last" in choices.note
    assert (memory.key, memory.least) == ("streaming_memory", False)
    assert memory.value > 0
