"""The largest difference of each kind, for each network and device."""

from symae.report import build_report

TORCH = {"classifier output": 1e-6, "classifier loss": 3e-6, "classifier gradient": 0.01, "segmenter gradient": 0.002}
ONNX = {"autoencoder autoencoder from cpu: reconstruction": 1.0, "classifier classifier from cuda: probabilities": 2e-5}


def section(results):
    return build_report(results, ("parity",)).sections[0]


def test_each_network_on_each_device_has_a_row_with_the_worst_of_each_kind(result):
    told = {"data": "random images", "device": "NVIDIA H100"}
    results = [
        result("parity-torch", TORCH, network="network1 x 1", **told),
        result("parity-onnx", ONNX, network="network1 x 1", **told),
        result("parity-onnx", ONNX, network="network2 x 1", **told),
        result("table2-random", {"accuracy": 68.0}, network="network2 x 1"),
    ]
    first, second = section(results).rows
    assert first.cells[:5] == ("network1 x 1", "3e-06", "0.01", "1", "2e-05")
    assert second.cells[:5] == ("network2 x 1", "—", "—", "1", "2e-05")
    assert "random images" in first.cells[5] and "H100" in first.cells[5]
    assert len(section(results).runs) == 3
    assert build_report(results).notes == ()


def test_the_newest_of_each_kind_counts_and_small_differences_are_told(result):
    told = {"data": "random images", "device": "NVIDIA H100", "network": "network1 x 1"}
    worse = {name: 10 * value for name, value in TORCH.items()}
    results = [
        result("parity-torch", worse, commit="a" * 12, **told),
        result("parity-torch", TORCH, commit="b" * 12, **told),
        result("parity-onnx", ONNX, commit="c" * 12, **told),
    ]
    (row,) = section(results).rows
    assert row.cells[1] == "3e-06"
    assert "bbbbbbb" in row.cells[5] and "ccccccc" in row.cells[5] and "aaaaaaa" not in row.cells[5]
    assert "classifier output 1e-06" in section(results).runs[1].values


def test_what_was_never_compared_says_what_it_needs():
    (row,) = section(()).rows
    assert row.kind == "missing"
    assert row.cells[-1].startswith("not run: needs a GPU; python benchmarks/gpu_session.py")
