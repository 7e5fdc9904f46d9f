import os
import shutil
import signal

import pytest
import torch

from symae.errors import DivergenceError, Interrupted
from symae.module import TrainingModule
from symae.runpage.record import read_record
from symae.runpage.strip import FOLDER
from symae.train import train
from symae.weights import load_tensors

THREE = ("epochs=3",)


def same_weights(one, other):
    first, second = load_tensors(one), load_tensors(other)
    return all(torch.equal(first[name], second[name]) for name in first)


def stop_at(monkeypatch, number):
    step = TrainingModule.training_step

    def and_interrupt(self, batch, batch_idx):
        if self.global_step == number:
            os.kill(os.getpid(), signal.SIGINT)
        return step(self, batch, batch_idx)

    monkeypatch.setattr(TrainingModule, "training_step", and_interrupt)


def test_a_run_leaves_pictures_of_its_course_and_a_page(runs):
    record = read_record(runs["first"])
    assert record.strip.epochs == (1, 2, 3)
    assert record.strip.held_out
    assert [row.name for row in record.strip.rows] == ["clean", "damaged", *["restored"] * 3]
    assert all(word.endswith(" dB") for word in record.strip.rows[-1].words)
    assert (record.state, record.sessions[-1].epochs) == ("finished", 3)
    assert record.sessions[-1].images == 18
    assert (runs["first"] / "report.html").stat().st_size > 0
    assert not list(runs["first"].rglob("*.partial"))


def test_an_interrupted_run_says_so_and_how_it_goes_on_and_then_that_it_did(
    runs, class_folder, tmp_path, request_for, monkeypatch
):
    given = request_for("pretrain", class_folder, tmp_path / "run", settings=THREE, resume=True)
    with monkeypatch.context() as patch:
        stop_at(patch, 2)
        with pytest.raises(Interrupted):
            train(given, say=lambda _: None)
    page = (given.out / "report.html").read_text()
    assert "interrupted" in page and "SIGINT at step" in page
    assert f"symae train pretrain --out {given.out} --resume --device cpu" in page
    assert read_record(given.out).strip.epochs == (1,)
    train(given, say=lambda _: None)
    record = read_record(given.out)
    assert [session.outcome for session in record.sessions] == ["interrupted", "finished"]
    assert record.strip.epochs == (1, 2, 3)
    for file in (runs["first"] / FOLDER).glob("*.png"):  # as if it had never been stopped
        assert (given.out / FOLDER / file.name).read_bytes() == file.read_bytes()
    assert same_weights(given.out, runs["first"])


def test_what_fails_in_a_page_is_told_once_and_changes_nothing(runs, class_folder, tmp_path, request_for, monkeypatch):
    pages = []

    def broken(*given, **__):
        pages.extend(one for one in given if one == tmp_path / "run")
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("symae.runpage.keeper.FIRST_SECONDS", 0.0)
    for name in ("write_page", "look"):
        monkeypatch.setattr(f"symae.runpage.keeper.{name}", broken)
    news = []
    run = train(request_for("pretrain", class_folder, tmp_path / "run", settings=THREE), say=news.append)
    told = [line for line in news if "ZeroDivisionError: a bug" in line]
    assert sorted(line.split()[0] for line in told) == ["previews", "report.html"]
    assert len(pages) == 2  # after the first epoch and at the end: a page that fails is due no sooner than another
    assert same_weights(run.path, runs["first"])
    assert run.metrics.read_text().split(",")[:3] == (runs["first"] / "metrics.csv").read_text().split(",")[:3]


def test_a_run_whose_loss_is_no_number_says_that_it_failed(class_folder, tmp_path, request_for):
    given = request_for("pretrain", class_folder, tmp_path / "run", settings=("learning_rate=1e30",))
    with pytest.raises(DivergenceError):
        train(given, say=lambda _: None)
    record = read_record(given.out)
    assert record.state == "failed"
    assert "the loss is" in record.sessions[-1].message
    assert "✕ failed" in (given.out / "report.html").read_text()


def test_a_page_is_kept_up_to_date_but_rarely(runs, class_folder, tmp_path, request_for, monkeypatch):
    written = []
    monkeypatch.setattr("symae.runpage.keeper.write_page", lambda run: written.append(read_record(run).state))
    monkeypatch.setattr("symae.runpage.keeper.FIRST_SECONDS", 0.0)
    shutil.copytree(runs["first"], tmp_path / "run")
    train(
        request_for("pretrain", class_folder, tmp_path / "run", settings=("epochs=6",), resume=True), say=written.append
    )
    assert [line for line in written if line in ("training", "finished")] == ["training", "finished"]
    assert read_record(tmp_path / "run").strip.epochs == (1, 2, 3, 4, 5, 6)
