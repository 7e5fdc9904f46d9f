from click.testing import CliRunner

from benchmarks.few_labels import main, write_digits


def test_digits_are_written_once_and_the_same(tmp_path):
    folder = write_digits(tmp_path / "digits")
    assert sorted(path.name for path in (folder / "train").iterdir()) == list("0123456789")
    counts = [len(list((folder / part).glob("*/*.png"))) for part in ("train", "test")]
    assert counts == [1200, 597]
    again = write_digits(tmp_path / "again")
    files = [path.relative_to(folder) for path in folder.glob("*/*/*.png")]
    assert all((folder / file).read_bytes() == (again / file).read_bytes() for file in files)


def test_both_ways_are_trained_and_tested():
    done = CliRunner().invoke(main, ["--seeds", "1", "--epochs", "1", "--unlabelled", "8"])
    assert done.exit_code == 0, done.output
    first, second = done.stdout.splitlines()
    assert first.startswith("20 labels, labels alone: ")
    assert second.startswith("20 labels, and 8 without a step: ")
