from PIL import Image

from symae.probe.plot import Curve, draw

VALUES = {"probe_psnr_1": 30.0, "probe_accuracy_10": 44.0, "probe_accuracy_2": 42.0, "linear_accuracy": 1.0}


def test_a_curve_takes_its_layers_in_order():
    curve = Curve.of("a", VALUES)
    assert list(curve.accuracy.items()) == [(2, 42.0), (10, 44.0)]
    assert curve.psnr == {1: 30.0}


def test_both_files_show_every_run_and_are_the_same_again(tmp_path):
    curves = [Curve.of(label, VALUES) for label in ("shortcuts", "no-shortcuts", "classifier")]
    png, svg, again = (tmp_path / name for name in ("a.png", "a.svg", "b.svg"))
    draw(curves, png, svg)
    draw(curves, again)
    with Image.open(png) as picture:
        assert picture.size[0] > 1000
    for word in ("shortcuts", "no-shortcuts", "classifier", "test accuracy, %", "test PSNR, dB"):
        assert word in svg.read_text()
    assert svg.read_bytes() == again.read_bytes()
