import numpy as np
from click.testing import CliRunner
from PIL import Image

from symae.cli import main


def run(*arguments):
    return CliRunner().invoke(main, ["sample", *map(str, arguments)])


def read(path):
    with Image.open(path) as file:
        return np.asarray(file)


def test_a_photograph_with_noise_and_one_with_holes_and_their_mask(tmp_path):
    assert run(tmp_path / "noisy.png").exit_code == 0
    result = run(tmp_path / "torn.png", "--holes", tmp_path / "holes.png")
    assert result.exit_code == 0, result.output
    shapes = {path.name: read(path).shape for path in tmp_path.iterdir()}
    assert shapes == {"noisy.png": (300, 451, 3), "torn.png": (300, 451, 3), "holes.png": (300, 451)}


def test_a_name_that_is_no_png_is_one_line_and_writes_nothing(tmp_path):
    result = run(tmp_path / "torn.png", "--holes", tmp_path / "holes.jpg")
    assert result.exit_code == 2
    assert result.stderr.startswith("symae: ") and result.stderr.count("\n") == 1 and ".png" in result.stderr
    assert not list(tmp_path.iterdir())
