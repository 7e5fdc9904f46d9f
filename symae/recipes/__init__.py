"""What can be trained: name -> recipe, one file for each table of the paper and for each kind of own data."""

from __future__ import annotations

import difflib

from symae.errors import RecipeError
from symae.recipes import folders, modern_cifar10, photos, scenes, table2_cifar10_4k
from symae.recipes.overrides import from_dict, override, to_dict
from symae.recipes.spec import Recipe, Reported, Table

__all__ = ["RECIPES", "TABLES", "Recipe", "Reported", "Table", "find", "from_dict", "override", "to_dict"]

TABLES: dict[str, Table] = {table.name: table for table in (table2_cifar10_4k.TABLE, modern_cifar10.TABLE)}

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for rows in (
        *(folders.ROWS, photos.ROWS, scenes.ROWS),
        *(rows for table in TABLES.values() for rows in (table.pretraining, table.rows)),
    )
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
