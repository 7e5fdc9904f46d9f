from symae.report.chart import Point
from symae.report.collect import collect
from symae.report.tables import table_section
from symae.report.words import NONE, told_apart


def section(name, tables, recipes, results):
    return table_section(tables[name], tables, told_apart(collect(results, recipes)), recipes)


def test_no_row_is_missing_without_any_result(tables, recipes):
    for name, table in tables.items():
        rows = section(name, tables, recipes, []).rows
        assert [row.cells[0] for row in rows] == [r.name for r in table.rows for _ in r.reported or [None]]
        assert all(row.kind == "missing" and row.cells[-1].startswith("not run: needs ") for row in rows)
        assert rows[0].cells[-1] == f"not run: needs {table.needs}"


def test_rows_stand_in_the_tables_order_with_the_changed_beneath(tables, recipes, measured):
    rows = section("table9", tables, recipes, measured).rows
    assert [(row.cells[0], row.kind) for row in rows] == [
        ("made-random", "full"), ("made-tuned", "missing"), ("", "changed"), ("made-open", "missing")
    ]  # fmt: skip
    full, _, changed, _ = (row.cells for row in rows)
    assert full[2:6] == ("70.0 ± 0.5", "70.50 ± 0.71", "2", "−0.50")
    assert changed[1:6] == ("network 2 x 0.25, 3 epochs, pre-trained: 1 epoch", "", "61.00 ± 1.00", "3", "+19.25")
    assert "table 9, row 1" in full[1]


def test_every_number_of_a_row_has_a_line(tables, recipes, result):
    told = [result("made-parts", {"accuracy": 61.0, "accuracy_animal": 48.0}, epochs=10, labels=100)]
    rows = section("parts9", tables, recipes, told).rows
    assert [row.cells[2:6] for row in rows] == [("50.0", "48.00", "1", "+2.00"), ("60.0", "61.00", "1", "−1.00")]


def test_a_pre_training_that_was_measured_is_shown_and_is_no_row_of_the_paper(tables, recipes, result):
    told = [result("made-pretrain", {"psnr": 27.5}, epochs=epochs) for epochs in (4, 3)]
    rows = [row for row in section("table9", tables, recipes, told).rows if row.kind == "other"]
    assert [row.cells[:5] for row in rows] == [
        ("made-pretrain", "pre-training: PSNR, dB", NONE, "27.50", "1"),
        ("made-pretrain", "pre-training: PSNR, dB; 3 epochs", NONE, "27.50", "1"),
    ]


def test_plots_hold_what_the_table_holds(tables, recipes, measured):
    (chart,) = section("table9", tables, recipes, measured).charts
    assert [[(bar.kind, bar.point) for bar in bars] for _, bars in chart.groups] == [
        [("paper", Point(70.0, 0.5)), ("full", Point(70.5, 0.5**0.5))],
        [("paper", Point(80.25)), ("full", None), ("changed", Point(61.0, 1.0))],
        [("full", None)],
    ]


def test_provenance_has_a_line_for_each_run_but_none_for_probes(tables, recipes, measured):
    runs = section("table9", tables, recipes, measured).runs
    assert {id(line.result) for line in runs} == {id(line) for line in measured[:5]}
    assert all(line.commands for line in runs)


def test_stand_ins_and_what_goes_beyond_say_so(tables, recipes):
    notes = {name: " ".join(section(name, tables, recipes, []).notes) for name in tables}
    assert "small9" in notes["table9"]
    assert "Stands in for table9" in notes["small9"]
    assert "Beyond the paper" in notes["modern9"]
    assert not notes["parts9"]
