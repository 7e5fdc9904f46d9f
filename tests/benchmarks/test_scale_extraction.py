import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks import scale_extraction as module
from benchmarks import scale_extraction_rig as rig
from benchmarks.scale_extraction_others import macs
from symae.networks import network1


def test_all_lines_at_their_smallest(monkeypatch, tmp_path, capsys):
    monkeypatch.delenv("SYMAE_PHOTOS", raising=False)
    lines = {line.key: line for line in module.measure(quick=True)}
    assert {"extraction", "torchvision", "memory"} <= set(lines)
    assert ("timm" in lines) != ("pip install timm" in capsys.readouterr().err)
    assert all(line.value > 0 for line in lines.values())
    assert "24 crops of shipped photographs" in lines["extraction"].note


def test_photographs_of_ones_own(monkeypatch, tmp_path):
    for index in range(3):
        Image.new("RGB", (40, 30)).save(tmp_path / f"{index}.jpg")
    monkeypatch.setenv("SYMAE_PHOTOS", str(tmp_path))
    (tmp_path / "scratch").mkdir()
    folder, source = module._photographs(tmp_path / "scratch", 2)
    assert len(list(folder.iterdir())) == 2 and source == "2 photographs of SYMAE_PHOTOS"


def test_photographs_are_made_the_same_each_time(tmp_path):
    first, again = (rig.write_photographs(tmp_path / name, 7, side=64) for name in ("a", "b"))
    for path in first.iterdir():
        with Image.open(path) as one, Image.open(again / path.name) as other:
            assert one.size == (85, 64)
            np.testing.assert_array_equal(np.asarray(one), np.asarray(other))


def test_what_is_timed_in_pytorch_is_what_is_exported(tmp_path):
    spec = rig.TINY
    session = module.open_only("encoder", rig.write_encoder(tmp_path, spec), module.RuntimeOptions(("CPU",), 1))
    image = np.random.default_rng(0).integers(0, 256, (2, rig.CROP, rig.CROP, 3), np.uint8)
    (expected,) = session.run((image,), ("embedding",))
    with torch.inference_mode():
        got = module._Pooled(rig.network(spec))(torch.from_numpy(image).permute(0, 3, 1, 2) / 255)
    np.testing.assert_allclose(got.numpy(), expected, atol=1e-5)


def test_multiplications_are_counted():
    convolution = torch.nn.Conv2d(3, 5, 3, padding=1)
    assert macs(convolution) == rig.CROP**2 * 5 * 27
    spec = network1((2, 2, 3, 3), 64)
    assert macs(module._Pooled(rig.network(spec))) == pytest.approx(spec.flops(rig.CROP, rig.CROP, decoder=False) / 2)
