import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from benchmarks.installation import Installed, build, psnr, restore, seconds, weigh


def test_the_wheel_is_built(tmp_path):
    with zipfile.ZipFile(build(tmp_path)) as wheel:
        assert "serve/shipped/photos-autoencoder/1/model.onnx" in wheel.namelist()


def test_compiled_files_are_not_weighed(tmp_path):
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "a.py").write_bytes(bytes(3000))
    (tmp_path / "inner" / "a.pyc").write_bytes(bytes(5000))
    assert weigh(tmp_path) == pytest.approx(0.003)


def test_a_process_is_timed_from_start_to_end(tmp_path):
    assert 0.2 < seconds([sys.executable, "-c", "import time; time.sleep(0.2)"], tmp_path, rounds=1) < 20


def test_psnr_is_that_of_bytes():
    assert psnr(np.full((4, 4, 3), 10.0), np.zeros((4, 4, 3))) == pytest.approx(28.13, abs=0.01)


def test_an_installed_server_restores_a_photograph(tmp_path):
    before, after = restore(Installed("serve", Path(sys.executable).parent, 0, 0), tmp_path)
    assert after > before + 6
