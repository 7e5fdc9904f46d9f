from serve.progress import _pace, show_progress


def test_lines_where_there_is_no_terminal(capsys, monkeypatch):
    monkeypatch.setattr("serve.progress.EVERY", 0.0)
    with show_progress("images") as start:
        advance = start(5, 20)
        advance(5)
        advance(10)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "images: 5 of 20 done by an earlier run"
    assert lines[1].startswith("images: 10 of 20, ") and lines[1].endswith(" s left")
    assert lines[2].startswith("images: 20 of 20, ")


def test_a_bar_on_a_terminal(capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with show_progress("images") as start:
        start(0, 2)(2)


def test_what_takes_longer_than_a_second_is_told_in_seconds():
    assert (_pace(1234.5), _pace(1.0), _pace(0.05), _pace(0)) == ("1,234.5/s", "1.0/s", "20.0 s each", "0.0/s")
