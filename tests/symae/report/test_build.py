import pytest

from symae.errors import DataError, RecipeError
from symae.recipes import TABLES
from symae.report import build_report, recorded
from symae.results import append_result


def names(report):
    return [section.name for section in report.sections]


def test_order_of_the_sections(tables):
    assert names(build_report((), (), tables)) == [
        "table9",
        "small9",
        "parts9",
        "figure3",
        "restoration",
        "modern9",
        "parity",
    ]


def test_every_table_and_row_of_the_paper_is_in_the_report():
    report = build_report(())
    assert set(names(report)) == {*TABLES, "figure3", "restoration", "parity"}
    shown = {cell for section in report.sections for row in section.rows for cell in row.cells}
    assert {recipe.name for table in TABLES.values() for recipe in table.rows} <= shown
    assert report.count("full", "changed") == 0


def test_a_section_by_name_and_the_nearest_to_a_wrong_one(tables):
    assert names(build_report((), ("modern9", "table9"), tables)) == ["table9", "modern9"]
    with pytest.raises(RecipeError, match=r"did you mean 'table9'.*there are table9, small9"):
        build_report((), ("tabel9",), tables)


def test_results_that_belong_nowhere_are_named(tables, measured, result):
    assert build_report(measured, (), tables).notes == ()
    stray = [result("photos", {"psnr": 28.0}), result("photos", {"psnr": 29.0}, seed=1), result("gone", {"x": 1.0})]
    (note,) = build_report([*measured, *stray], (), tables).notes
    assert note == "3 results belong to no table: photos, gone"


def test_no_file_of_results_is_no_error_and_a_damaged_one_is(tmp_path, result):
    file = tmp_path / "results.jsonl"
    lines, missing = recorded(file)
    assert lines == ()
    assert str(file) in missing
    append_result(file, result("x", {}))
    assert recorded(file) == ((result("x", {}),), "")
    file.write_text("{}\n")
    with pytest.raises(DataError, match="line 1"):
        recorded(file)
