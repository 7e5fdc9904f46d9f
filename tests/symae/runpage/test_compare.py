import dataclasses
import json
import shutil

import pytest
from click.testing import CliRunner

from symae.cli import main
from symae.runpage import Price, compare_runs, to_html, to_plain, to_terminal
from symae.runpage import compare as comparing


def line(lines, name):
    return next(found for found in lines if found.name == name)


@pytest.fixture(scope="module")
def repeated(runs):
    return compare_runs([runs["first"], runs["second"]])


def test_repetitions_differ_in_their_seed_and_have_mean_and_deviation(repeated):
    assert [found.name for found in repeated.differences] == ["seed"]
    assert repeated.repeated
    psnr = line(repeated.results, "PSNR, dB")
    assert "±" in psnr.summary
    assert line(repeated.results, "epochs").cells == ("3 of 3", "3 of 3")


def test_the_best_is_marked_where_runs_were_measured_alike(repeated, runs, tmp_path):
    better = shutil.copytree(runs["first"], tmp_path / "better")
    table = (better / "metrics.csv").read_text().splitlines()
    values = dict(zip(table[0].split(","), table[-1].split(","), strict=True)) | {"psnr": "99.5"}
    (better / "metrics.csv").write_text("\n".join([*table[:-1], ",".join(values.values())]) + "\n")
    found = compare_runs([runs["first"], better])
    psnr = line(found.results, "PSNR, dB")
    assert psnr.best == {1}
    assert psnr.cells[1] == "99.50"
    assert line(found.results, "SSIM").best == frozenset()  # equals
    assert not line(repeated.results, "PSNR, dB").best  # another seed holds other pictures out
    assert any("measured on different pictures" in note for note in repeated.notes)


def test_runs_that_were_measured_apart_are_not_ranked(runs):
    found = compare_runs([runs["first"], runs["classify"], runs["segment"]])
    assert not found.comparable
    assert any("different stages" in note for note in found.notes)
    assert not any(line.best for line in found.results)
    names = {line.name for line in found.differences}
    assert {"recipe", "data", "starts from"} <= names
    assert "crop" not in names


def test_losses_of_different_kinds_are_told(runs, tmp_path):
    other = shutil.copytree(runs["first"], tmp_path / "other")
    told = json.loads((other / "recipe.json").read_text())
    told["recipe"]["loss"] = "psnr"
    (other / "recipe.json").write_text(json.dumps(told))
    assert any("losses are of different kinds" in note for note in compare_runs([runs["first"], other]).notes)
    assert not any("losses" in note for note in compare_runs([runs["first"], runs["first"]]).notes)


def test_a_page_has_a_line_a_run_and_pictures_that_are_the_same_once(repeated, runs):
    page = to_html(compare_runs([runs["first"], runs["classify"], runs["first"]]), Price(hour=2))
    assert page.count('src="data:image/png;base64,') == 2 + 1 + 1  # clean and damaged, what was made of it, image
    page = to_html(repeated, Price(hour=2))
    assert page.count('src="data:image/png;base64,') == 2 * (2 + 1)  # of other pictures
    assert page.count('class="curve c1"') > 4
    assert "money, at the price given" in page
    assert len(page) < 2_000_000


def test_pictures_that_have_no_room_are_named(repeated, monkeypatch):
    monkeypatch.setattr(comparing, "PICTURE_BYTES", 20_000)
    page = to_html(repeated, Price())
    assert "leaves out the pictures of" in page


def test_runs_of_one_name_are_told_apart(runs, tmp_path):
    copies = [shutil.copytree(runs["first"], tmp_path / part / "run") for part in ("a", "b")]
    assert compare_runs(copies).labels == ("a/run", "b/run")
    assert compare_runs([copies[0], copies[0]]).differences == ()


def test_a_terminal_and_a_machine_are_told_the_same(repeated, runs):
    text = to_terminal(repeated, width=120, colour=False)
    assert "\x1b" not in text
    assert all(name in text for name in ("first", "second", "PSNR, dB", "seed"))
    plain = json.loads(json.dumps(to_plain(repeated)))
    assert [run["seed"] for run in plain["runs"]] == [0, 1]
    assert plain["differences"] == {"seed": ["0", "1"]}
    assert plain["runs"][0]["last"]["psnr"] > 0


def test_a_run_that_measured_nothing_yet_is_no_obstacle(repeated):
    empty = dataclasses.replace(repeated.records[0], metrics=type(repeated.records[0].metrics)())
    found = dataclasses.replace(repeated, records=(empty, repeated.records[1]))
    assert to_html(found, Price())


def run(*arguments):
    return CliRunner().invoke(main, ["compare", *map(str, arguments)])


def test_the_command_writes_the_page_and_those_that_are_missing(runs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    copies = [shutil.copytree(runs[name], tmp_path / name) for name in ("first", "second")]
    (copies[1] / "report.html").unlink()
    result = run("first", "second")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[-2:] == ["compare.html written", "second/report.html written"]
    assert "first" in (tmp_path / "compare.html").read_text()
    assert "first" in (copies[1] / "report.html").read_text() or "second" in (copies[1] / "report.html").read_text()


def test_one_run_gets_its_page_anew(runs, tmp_path):
    copy = shutil.copytree(runs["first"], tmp_path / "run")
    (copy / "report.html").unlink()
    result = run(copy, "--hour-price", 3)
    assert result.exit_code == 0, result.output
    assert "× 3 an hour" in (copy / "report.html").read_text()


def test_json_alone_is_printed_and_writes_only_what_is_asked_for(runs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert len(json.loads(run(runs["first"], runs["second"], "--json").stdout)["runs"]) == 2
    assert not list(tmp_path.iterdir())
    result = run(runs["first"], runs["second"], "--json", "--out", "both.html")
    json.loads(result.stdout)
    assert (tmp_path / "both.html").exists()


def test_what_is_no_run_is_refused_in_one_line(runs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run(runs["first"], tmp_path)
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert "no run directory" in result.stderr
    assert not list(tmp_path.iterdir())


def test_a_run_of_somebody_else_is_compared_without_a_page_of_its_own(runs, tmp_path, monkeypatch):
    def refused(*_, **__):
        raise PermissionError(13, "Permission denied")

    copy = shutil.copytree(runs["first"], tmp_path / "first")
    (copy / "report.html").unlink()
    monkeypatch.setattr("symae.runpage.write.write_page", refused)
    result = run(copy, runs["second"], "--out", tmp_path / "both.html")
    assert result.exit_code == 0
    assert "report.html was not written: Permission denied" in result.output
