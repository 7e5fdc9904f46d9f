import pytest

from symae.report import build_report
from symae.report.terminal import to_terminal


@pytest.mark.parametrize("width", [100, 160])
def test_all_rows_are_there_and_no_line_of_a_table_is_wider_than_the_terminal(width, tables, measured):
    report = build_report(measured, (), tables)
    text = to_terminal(report, width=width, colour=False)
    flat = "".join(text.split())
    for section in report.sections:
        assert section.name in text
        numbers = [cell for row in section.rows for cell in row.cells[2:4]] if width > 100 else []
        assert all("".join(cell.split()) in flat for cell in numbers)  # cells are broken where there is no room
    assert all(len(line) <= width for line in text.splitlines() if not line.startswith("  "))
    assert "\x1b" not in text


def test_square_brackets_are_text_and_colours_are_there_when_asked(tables, result, narrow):
    told = [result("made-random", {"accuracy": 1.0}, changes={"milestones": [1, 2]}, epochs=10, labels=100)]
    text = to_terminal(build_report(told, ("table9",), tables), width=160, colour=True)
    assert "milestones [1, 2]" in text
    assert "\x1b[" in text
