from benchmarks import scale_devices


def test_two_processes_have_the_losses_of_one():
    (line,) = scale_devices.measure(quick=True)
    assert (line.key, line.target, line.least) == ("devices_loss", 1e-5, False)
    assert 0 <= line.value <= line.target
    assert "images/s" in line.note
