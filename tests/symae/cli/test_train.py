"""What a user sees: one clear line and an exit code, and nothing half-written."""

import errno
import json

from click.testing import CliRunner

from symae.cli import main
from symae.errors import ToldElsewhere

TINY = [
    *("--set", "network.width=0.125", "--set", "epochs=1", "--set", "crop=21", "--set", "resize=null"),
    *("--set", "validation=0.25", "--set", "batch_size=8", "--device", "cpu"),
]


def run(*arguments: object):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def one_line(result, code: int) -> str:
    assert result.exit_code == code, result.output
    lines = [line for line in result.stderr.splitlines() if line]
    assert len(lines) == 1, result.stderr
    assert "Traceback" not in result.output
    return lines[0]


def test_train_evaluate_and_what_they_print(class_folder, tmp_path):
    out = tmp_path / "run"
    result = run("train", "classify", "--data", class_folder, "--out", out, *TINY)
    assert result.exit_code == 0, result.output
    assert "symae export" in result.stdout.splitlines()[-1]
    values = json.loads(run("evaluate", out, "--json", "--device", "cpu").stdout)
    assert set(values) == {"accuracy"}
    assert json.loads(run("evaluate", out, "--json", "--device", "cpu").stdout) == values


def test_recipes_lists_the_papers_numbers():
    result = run("recipes")
    assert result.exit_code == 0
    assert "table2-shortcut" in result.stdout
    assert "80.22" in result.stdout


def test_recipes_of_one_table():
    result = run("recipes", "table5")
    assert result.exit_code == 0
    assert "table5-animal" in result.stdout and "73.04, 79.04, 70.77" in result.stdout
    assert "table2" not in result.stdout
    assert "did you mean 'table5'" in one_line(run("recipes", "tabel5"), 2)


def test_a_missing_folder(tmp_path):
    assert "nowhere" in one_line(run("train", "pretrain", "--data", tmp_path / "nowhere", "--out", tmp_path / "r"), 2)
    assert not (tmp_path / "r").exists()


def test_an_empty_folder(tmp_path):
    (tmp_path / "empty").mkdir()
    one_line(run("train", "pretrain", "--data", tmp_path / "empty", "--out", tmp_path / "r"), 2)
    assert not (tmp_path / "r").exists()


def test_a_folder_without_images(tmp_path):
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "notes.txt").write_text("no image")
    assert "image" in one_line(run("train", "pretrain", "--data", tmp_path / "text", "--out", tmp_path / "r"), 2)
    assert not (tmp_path / "r").exists()


def test_a_truncated_image_is_named_and_skipped(class_folder, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, file in enumerate(sorted((class_folder / "train").rglob("*.png"))):
        data = file.read_bytes()
        (folder / f"{number:02}.png").write_bytes(data[:200] if number == 5 else data)
    result = run("train", "pretrain", "--data", folder, "--out", tmp_path / "r", *TINY)
    assert result.exit_code == 0, result.output
    assert "05.png" in result.output


def test_truncated_images_alone_are_an_error(class_folder, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, file in enumerate(sorted((class_folder / "train").rglob("*.png"))[:8]):
        (folder / f"{number:02}.png").write_bytes(file.read_bytes()[:200])
    one_line(run("train", "pretrain", "--data", folder, "--out", tmp_path / "r", *TINY), 2)
    assert not (tmp_path / "r").exists()


def test_a_wrong_recipe_name(class_folder, tmp_path):
    line = one_line(run("train", "pretrian", "--data", class_folder, "--out", tmp_path / "r"), 2)
    assert "did you mean 'pretrain'" in line


def test_an_unknown_key(class_folder, tmp_path):
    result = run("train", "pretrain", "--data", class_folder, "--out", tmp_path / "r", "--set", "epoch=3")
    assert "did you mean 'epochs'" in one_line(result, 2)
    assert not (tmp_path / "r").exists()


def test_no_data_for_a_recipe_that_has_none_of_its_own(tmp_path):
    result = run("train", "pretrain", "--out", tmp_path / "r")
    assert result.exit_code == 2
    assert "--data" in result.stderr


def test_a_run_directory_that_exists(class_folder, tmp_path):
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / "notes.txt").write_text("mine")
    line = one_line(run("train", "pretrain", "--data", class_folder, "--out", tmp_path / "r", *TINY), 2)
    assert "exists already" in line
    assert [path.name for path in (tmp_path / "r").iterdir()] == ["notes.txt"]


def test_a_disk_that_fills_up(class_folder, tmp_path, monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("lightning.pytorch.Trainer.save_checkpoint", full)
    line = one_line(run("train", "pretrain", "--data", class_folder, "--out", tmp_path / "r", *TINY), 1)
    assert "no space left" in line
    assert "last.ckpt" in line
    assert not list((tmp_path / "r").glob("*.partial"))


def test_a_device_that_is_not_there(class_folder, tmp_path):
    result = run("train", "pretrain", "--data", class_folder, "--out", tmp_path / "r", "--device", "cuda:99")
    assert "GPUs" in one_line(result, 2)


def test_devices_and_processes_that_were_started_already(class_folder, tmp_path, monkeypatch):
    for name, value in {"RUN_ID": "x", "USE_AGENT_STORE": "True"}.items():
        monkeypatch.setenv(f"TORCHELASTIC_{name}", value)
    for name in ("RANK", "LOCAL_RANK", "GROUP_RANK"):
        monkeypatch.setenv(name, "0")
    for name in ("WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_PORT"):
        monkeypatch.setenv(name, "2")
    arguments = ("train", "pretrain", "--data", class_folder, "--out", tmp_path / "r", "--devices", 2)
    assert "which process this is" in one_line(run(*arguments), 2)
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    assert "2 processes were started already" in one_line(run(*arguments), 2)
    assert not (tmp_path / "r").exists()


def test_a_process_for_which_another_one_tells_says_nothing(class_folder, tmp_path, monkeypatch):
    def elsewhere(*_: object, **__: object) -> None:
        raise ToldElsewhere(130)

    monkeypatch.setattr("symae.train.train", elsewhere)
    result = run("train", "pretrain", "--data", class_folder, "--out", tmp_path / "r")
    assert (result.exit_code, result.output) == (130, "")


def test_a_run_without_weights(tmp_path):
    (tmp_path / "r").mkdir()
    assert "symae train" in one_line(run("evaluate", tmp_path / "r"), 2)
