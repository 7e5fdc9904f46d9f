import re
from html import unescape

import pytest

from symae.report import build_report
from symae.report.page import to_html


@pytest.fixture
def page(tables, measured):
    report = build_report(measured, (), tables)
    return report, to_html(report)


def test_nothing_is_loaded_from_elsewhere(page):
    assert "http:" not in page[1]
    assert "https:" not in page[1]
    assert "//" not in re.sub(r"<(?:td|pre|code)[^>]*>.*?</(?:td|pre|code)>", "", page[1], flags=re.DOTALL)
    assert re.findall(r"""(?:src|href)\s*=\s*["'](?!#)""", page[1]) == []
    assert set(re.findall(r"url\((.)", page[1])) == {"#"}


def test_all_rows_commands_and_runs_are_in_it(page):
    report, html = page
    text = unescape(html)
    for section in report.sections:
        assert f'id="{section.name}"' in html
        assert all(cell in text for row in section.rows for cell in row.cells)
        assert all(line in text for line in section.commands)
        assert all(line in text for run in section.runs for line in (*run.commands, run.result.commit))
    assert html.count("<tr class=") == sum(len(section.rows) for section in report.sections)


def test_what_recipes_say_is_text_not_markup(page):
    assert "a &lt;day&gt; &amp; a night" in page[1]
    assert "<day>" not in page[1]


def test_plots_and_both_grounds(page):
    assert page[1].count("<svg viewBox") >= 3 + 1 + 2 + 6
    assert "prefers-color-scheme: dark" in page[1]
    assert "nan" not in page[1].lower().replace("nano", "")


def test_the_same_report_gives_the_same_page(tables, measured, page):
    assert to_html(build_report(measured, (), tables)) == page[1]
