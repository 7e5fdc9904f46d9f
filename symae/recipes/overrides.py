"""Recipes to and from JSON, and `--set key=value`.

Values are checked against the types of the dataclasses; an unknown key is an error that names the
nearest valid one, because a typo must never silently become a default.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping
from typing import Any, get_type_hints

from pydantic import TypeAdapter, ValidationError

from symae.errors import RecipeError, first_wrong
from symae.recipes.spec import Recipe

__all__ = ["flat", "from_dict", "override", "to_dict"]

_ADAPTER = TypeAdapter(Recipe)
_FIXED = ("name", "stage")  # another name or stage is another recipe


def to_dict(recipe: Recipe) -> dict[str, Any]:
    """Write a recipe as plain JSON values; `from_dict` reads it."""
    return _ADAPTER.dump_python(recipe, mode="json")  # type: ignore[no-any-return]


def from_dict(values: Mapping[str, Any]) -> Recipe:
    """Read what `to_dict` wrote.

    Raises:
        RecipeError: a key is missing, or a value of the wrong type or out of range.
    """
    try:
        return _ADAPTER.validate_python(values)
    except ValidationError as error:
        raise RecipeError(f"recipe value {first_wrong(error)}") from error


def flat(recipe: Recipe) -> dict[str, Any]:
    """Write a recipe as dotted keys, as `override` takes them, with plain JSON values; lists stay whole."""
    return _flat(to_dict(recipe))


def override(recipe: Recipe, settings: Iterable[str]) -> Recipe:
    """Apply settings such as "epochs=10", "network.width=0.25" or "corruption.kind=big-block", in order.

    Only what comes out of all of them must fit together: a larger crop may be asked for before the larger size.

    Args:
        recipe: stays as it is.
        settings: "key=value", keys dotted, values JSON or plain text.

    Raises:
        RecipeError: no "=", an unknown key (the nearest is named), or a value that does not fit.
    """
    values = to_dict(recipe)
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals:
            raise RecipeError(f"--set {setting!r} has no value: write key=value, e.g. --set epochs=10")
        _assign(values, key.strip(), _parse(text))
        name = key.strip().partition(".")[0]
        values[name] = _completed(name, values[name])
    return from_dict(values)


_FIELDS = {name: TypeAdapter(hint) for name, hint in get_type_hints(Recipe, include_extras=True).items()}


def _completed(name: str, value: Any) -> Any:
    """Add what a setting brings along, e.g. the other values of another damage; as it is where it does not fit yet."""
    field: TypeAdapter[Any] = _FIELDS[name]
    try:
        return field.dump_python(field.validate_python(value), mode="json")
    except (ValidationError, RecipeError):
        return value


def _parse(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _assign(values: dict[str, Any], key: str, value: Any) -> None:
    *path, last = key.split(".")
    node: Any = values
    for step in path:
        node = node[_find(node, step, key, values)]
    at = _find(node, last, key, values)
    if key in _FIXED:
        raise RecipeError(f"--set {key} is not possible: another {key} is another recipe, see `symae recipes`")
    node[at] = value


def _find(node: Any, step: str, key: str, values: dict[str, Any]) -> Any:
    if isinstance(node, list) and step.isdigit() and int(step) < len(node):
        return int(step)
    if isinstance(node, dict) and step in node:
        return step
    valid = list(_keys(values))
    nearest = difflib.get_close_matches(key, valid, n=1, cutoff=0.0)[0]
    raise RecipeError(f"unknown key {key!r} in --set: did you mean {nearest!r}?")


def _flat(node: Any, prefix: str = "") -> dict[str, Any]:
    if isinstance(node, dict) and node:
        return {key: value for name, part in node.items() for key, value in _flat(part, f"{prefix}{name}.").items()}
    return {prefix[:-1]: node}


def _keys(node: Any, prefix: str = "") -> Iterable[str]:
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        if prefix or key not in _FIXED:
            yield f"{prefix}{key}"
            yield from _keys(value, f"{prefix}{key}.")
