"""What a user sees of `symae visualize`: a PNG, or one clear line."""

from click.testing import CliRunner
from PIL import Image

from symae.cli import main

TINY = ("--set", "network.width=0.125", "--set", "epochs=1", "--set", "crop=21", "--set", "batch_size=8")


def run(*arguments: object):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def height_of(png):
    with Image.open(png) as picture:
        return picture.height


def test_a_run_is_drawn_and_mistakes_are_one_line(class_folder, tmp_path):
    out, png = tmp_path / "run", tmp_path / "figure.png"
    assert run("train", "pretrain", "--data", class_folder, "--out", out, "--device", "cpu", *TINY).exit_code == 0
    file = class_folder / "test" / "dark" / "000.png"
    restored = run("visualize", out, file, "--out", png, "--device", "cpu")
    assert restored.exit_code == 0, restored.output
    assert restored.stdout == f"{png} written\n"
    height = height_of(png)
    maps = run("visualize", out, file, "--layer", 2, "--channels", "0,3", "--occlude", "--out", png)
    assert maps.exit_code == 0, maps.output
    assert height_of(png) != height
    for options, word in (
        (("--occlude",), "--layer"),
        (("--layer", 2, "--channels", "a"), "3,17"),
        (("--layer", 99), "ReLUs 1 to"),
        (("nowhere.png",), "nowhere.png"),
    ):
        result = run("visualize", out, *options, "--out", tmp_path / "none.png")
        assert result.exit_code == 2, result.output
        assert word in result.stderr.splitlines()[-1]
    assert not (tmp_path / "none.png").exists()
