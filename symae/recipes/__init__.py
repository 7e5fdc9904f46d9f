"""What can be trained: name -> recipe, one file for each table of the paper and for each kind of own data."""

from __future__ import annotations

import difflib

from symae.errors import RecipeError
from symae.recipes import (
    camvid,
    figure4_scenes,
    figure4_voc2012,
    folders,
    modern_cifar10,
    photos,
    restoration,
    scenes,
    supplement_c_optimizer,
    supplement_c_wide_resnet,
    supplement_d_reconstruction,
    table1_cifar,
    table1_small,
    table2_cifar10_4k,
    table3_cifar10,
    table3_stl10,
    table4_scenes,
    table4_voc2007,
    table5_cifar10,
    table5_distributions,
)
from symae.recipes.overrides import flat, from_dict, override, to_dict
from symae.recipes.spec import Recipe, Reported, Table

__all__ = [
    "OWN_DATA",
    "RECIPES",
    "TABLES",
    "Recipe",
    "Reported",
    "Table",
    "find",
    "find_table",
    "flat",
    "from_dict",
    "override",
    "to_dict",
]

OWN_DATA: tuple[Recipe, ...] = (*folders.ROWS, *photos.ROWS, *scenes.ROWS)

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        table1_cifar.TABLE,
        table2_cifar10_4k.TABLE,
        table3_stl10.TABLE,
        table4_voc2007.TABLE,
        figure4_voc2012.TABLE,
        table5_distributions.TABLE,
        supplement_c_optimizer.TABLE,
        supplement_c_wide_resnet.TABLE,
        supplement_d_reconstruction.TABLE,
        # beyond the paper
        modern_cifar10.TABLE,
        restoration.TABLE,
        # in place of the above, on data that a laptop has
        table1_small.TABLE,
        table3_cifar10.TABLE,
        table4_scenes.TABLE,
        figure4_scenes.TABLE,
        camvid.TABLE,
        table5_cifar10.TABLE,
    )
}

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for rows in (OWN_DATA, *(rows for table in TABLES.values() for rows in (table.pretraining, table.rows)))
    for recipe in rows
}


def find(name: str) -> Recipe:
    """Look a recipe up.

    Raises:
        RecipeError: there is none of that name; the nearest is named.
    """
    if name not in RECIPES:
        nearest = difflib.get_close_matches(name, RECIPES, n=1, cutoff=0.0)[0]
        raise RecipeError(f"unknown recipe {name!r}: did you mean {nearest!r}? `symae recipes` lists all")
    return RECIPES[name]


def find_table(name: str) -> Table:
    """Look a table or figure up.

    Raises:
        RecipeError: there is none of that name; the nearest is named.
    """
    if name not in TABLES:
        nearest = difflib.get_close_matches(name, TABLES, n=1, cutoff=0.0)[0]
        raise RecipeError(f"unknown table {name!r}: did you mean {nearest!r}? There are {', '.join(TABLES)}")
    return TABLES[name]
