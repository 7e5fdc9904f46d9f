import pytest

from symae.report import build_report, write_report


@pytest.mark.parametrize(
    ("name", "style", "begins"),
    [
        ("r.md", None, "### table9"),
        ("deep/r.HTML", None, "<!doctype html>"),
        ("r.txt", None, "table9  Made"),
        ("r.md", "html", "<!doctype html>"),
    ],
)
def test_the_suffix_says_what_is_written_unless_it_is_asked_for(name, style, begins, tables, tmp_path):
    text = write_report(build_report((), ("table9",), tables), style, tmp_path / name)
    assert text.startswith(begins)
    assert (tmp_path / name).read_text(encoding="utf-8") == text


def test_nothing_is_written_without_a_file(tables, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert write_report(build_report((), ("table9",), tables), None, None).startswith("table9")
    assert not list(tmp_path.iterdir())
