import dataclasses

import pytest

from symae.networks import rednet
from symae.recipes import Table
from symae.report.collect import collect
from symae.report.published import PUBLISHED
from symae.report.restoration import restoration


@pytest.fixture
def gray(recipes):
    base = dataclasses.replace(
        recipes["made-pretrain"], name="made-gray", network=dataclasses.replace(rednet(10), channels=1)
    )
    return Table("restoration", "Made", (base, dataclasses.replace(base, name="made-other")), needs="photographs")


def shown(results, table=None):
    recipes = {} if table is None else {recipe.name: recipe for recipe in table.rows}
    return restoration({} if table is None else {"restoration": table}, collect(results, recipes), recipes)


def test_every_published_number_stands_there_without_any_result():
    section = shown([])
    cells = [(row.cells[1], row.cells[2:5]) for row in section.rows]
    for each in PUBLISHED:
        assert not each.psnr or (each.method, tuple(f"{each.psnr[sigma]:.2f}" for sigma in (15, 25, 50))) in cells
    missing = [row.cells for row in section.rows if row.kind == "missing"]
    assert [cells[1] for cells in missing] == [f"{each.method}, run here" for each in PUBLISHED if each.key]
    assert all(cells[-1].startswith("not run: needs ") for cells in missing)


def test_a_method_run_here_stands_beneath_its_published_numbers(result):
    section = shown([result("bm3d", {"psnr_sigma25": 28.5, "seconds_per_image": 8.0}, data="bsd68")])
    published, here = section.rows[:2]
    assert published.cells[:2] == ("BSD68, gray", "BM3D")
    assert here.cells[1:7] == ("BM3D, run here", "—", "28.50 (+0.07)", "—", "1", "8")


def test_recipes_have_rows_run_or_not_and_ensembles_lines_of_their_own(gray, result):
    values = {"psnr_sigma25": 29.0, "psnr_sigma25_ensemble": 29.2, "psnr_sigma12.5": 33.0}
    section = shown([result("made-gray", values, data="bsd68", epochs=4)], gray)
    rows = {row.cells[1]: row for row in section.rows}
    assert [column.title for column in section.columns[2:6]] == ["sigma 12.5", "sigma 15", "sigma 25", "sigma 50"]
    assert rows["made-gray"].cells[2:5] == ("33.00", "—", "29.00")
    assert rows["made-gray, ensemble"].cells[2:5] == ("—", "—", "29.20")
    assert rows["made-other"].cells[-1] == "not run: needs photographs"
    assert any(line.startswith("symae restoration runs/made-other --data BSD68") for line in section.commands)


def test_what_was_run_otherwise_has_its_commands(gray, result):
    start = "made-other, seed 0"
    section = shown([result("made-gray", {"psnr_sigma25": 29.0}, data="bsd68", epochs=4, start=start)], gray)
    (title,) = (line for line in section.commands if line.startswith("# made-gray: "))
    assert title == "# made-gray: from made-other; seed 0"
    assert any("made-gray" in line and "--init runs/made-other" in line for line in section.commands)


def test_dots_of_a_plot_are_the_numbers_of_a_level_of_noise(result):
    section = shown([result("nl-means", {"psnr_sigma25": 26.0}, data="bsd68")])
    (chart,) = (chart for chart in section.charts if chart.title.startswith("BSD68, gray, sigma 25"))
    kinds = {bar.label: (bar.kind, bar.point.mean) for _, bars in chart.groups for bar in bars}
    assert kinds["Non-local means, run here"] == ("full", 26.0)
    assert kinds["DnCNN-B, blind"] == ("paper", 29.16)


def test_images_of_another_name_are_shown_too(result):
    section = shown([result("bm3d", {"psnr_sigma25": 30.0}, data="Set12")])
    assert section.rows[-1].cells[:2] == ("set12", "bm3d")
