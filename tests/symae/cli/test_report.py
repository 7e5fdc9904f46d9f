import pytest
from click.testing import CliRunner

from symae.cli import main
from symae.results import Result, append_result


def run(*arguments):
    return CliRunner().invoke(main, ["report", *map(str, arguments)])


@pytest.fixture
def results(tmp_path):
    file = tmp_path / "results.jsonl"
    for seed in range(2):
        told = Result("table2-random", {"accuracy": 70.0 + seed}, "cifar10", "test", seed, "abc", "NVIDIA H100")
        append_result(file, told)
    return file


def test_a_table_with_its_measurement(results):
    done = run("table2", "--results", results, "--format", "markdown")
    assert done.exit_code == 0, done.output
    assert "| 70.89 ± 0.30 | 70.50 ± 0.71 | 2 | +0.39 | cifar10; H100; abc |" in done.stdout
    assert done.stderr == ""


def test_without_results_all_rows_are_there_and_a_message_says_why(tmp_path):
    done = run("--results", tmp_path / "none.jsonl", "--out", tmp_path / "report.md")
    assert done.exit_code == 0, done.output
    assert "none.jsonl does not exist" in done.stderr
    text = (tmp_path / "report.md").read_text()
    assert "80.22 ± 0.37" in text
    assert "not run: needs" in text


def test_wrong_names_and_damaged_results_are_one_line(results):
    done = run("tabel2", "--results", results)
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert "did you mean 'table2'" in done.stderr
    results.write_text("no json\n")
    done = run("--results", results)
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert "line 1 is not a result" in done.stderr
