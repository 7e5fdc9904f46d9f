from symae.report import build_report
from symae.report.markdown import to_markdown

EXPECTED = """\
### table9: Made, accuracy (%)

On data that a laptop has: small9.

| recipe | what | paper | measured | n | paper − measured | measured on |
| --- | --- | ---: | ---: | ---: | ---: | --- |
| made-random | nothing (table 9, row 1) | 70.0 ± 0.5 | 70.50 ± 0.71 | 2 | −0.50 | cifar10; CPU; abcdef0 |
| made-tuned | pre-trained (table 9, row 2) | 80.25 | — | — | — | not run: needs a <day> & a night |
|  | network 2 x 0.25, 3 epochs, pre-trained: 1 epoch |  | 61.00 ± 1.00 | 3 | +19.25 | cifar10; CPU; abcdef0; 2 pre-trainings |
| made-open | no number &#124; in the paper (table 9, row 3) | — | — | — | — | not run: needs the same |

<details><summary>Commands</summary>

```sh
# made-random
symae train made-random --data cifar10 --out runs/made-random
"""  # noqa: E501


def test_the_same_results_give_the_same_text(tables, measured):
    text = to_markdown(build_report(measured, ("table9",), tables))
    assert text.startswith(EXPECTED)
    assert text == to_markdown(build_report(list(measured), ("table9",), tables))


def test_every_line_of_a_table_has_as_many_cells_as_its_head(tables, measured):
    table: list[str] = []
    for line in to_markdown(build_report(measured, (), tables)).splitlines():
        table = [*table, line] if line.startswith("|") else []
        assert not table or line.count("|") == table[0].count("|")


def test_a_whole_report_begins_with_how_much_of_each_section_was_measured(tables, measured):
    text = to_markdown(build_report(measured, (), tables))
    contents, _, rest = text.partition("\n\n")
    assert "| [table9](#table9) | 1 | 1 | 2 |" in contents.splitlines()
    for line in contents.splitlines()[2:]:
        name = line.partition("](#")[2].partition(")")[0]
        assert f'<a id="{name}"></a>\n\n### {name}: ' in rest
