import pytest

from symae.catalogue import COLUMNS, catalogue
from symae.errors import RecipeError
from symae.recipes import RECIPES, TABLES


def test_everything_is_listed_table_by_table():
    sections = list(catalogue())
    assert [section.title.split(":")[0].split(",")[0] for section in sections[1:]] == list(TABLES)
    assert {row[0] for section in sections for row in section.rows} == set(RECIPES)
    assert all(len(row) == len(COLUMNS) for section in sections for row in section.rows)


@pytest.mark.parametrize("name", TABLES)
def test_a_table_lists_its_pretraining_first_and_every_recipe_once(name):
    (section,) = catalogue(name)
    names = [row[0] for row in section.rows]
    table = TABLES[name]
    assert len(names) == len(set(names)) == len({recipe.name for recipe in (*table.pretraining, *table.rows)})
    assert names[: len(table.pretraining)] == [recipe.name for recipe in table.pretraining]
    assert table.needs in section.title


def test_the_papers_numbers_stand_beside_their_source():
    papers = {row[0]: row[3] for section in catalogue() for row in section.rows}
    assert papers["table2-shortcut"] == "table 2, row 7: 80.22 ± 0.37"
    assert papers["table5-animal"] == "table 5, row 2: 73.04, 79.04, 70.77"
    assert papers["figure4-both"] == "figure 4, bar 3"


def test_an_unknown_table_names_the_nearest():
    with pytest.raises(RecipeError, match="did you mean 'table5'"):
        list(catalogue("tabel5"))
