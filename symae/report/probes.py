"""Figure 3: what each layer's features are good for, in three networks."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from symae.errors import RecipeError
from symae.recipes import Recipe, Table, override
from symae.report import commands, words
from symae.report.chart import Curve, Curves, Point
from symae.report.collect import Group
from symae.report.provenance import provenance, repeats
from symae.report.section import Column, Row, Section, told_once

__all__ = ["NAME", "figure3", "is_probe"]

NAME = "figure3"
PROBE = re.compile(r"probe_(?:accuracy|psnr)_(\d+)|linear_accuracy|knn\d+_accuracy")
MEASURES = {"accuracy": "accuracy, %", "psnr": "PSNR, dB"}  # of classification and of reconstruction
CHARTS = {"accuracy": "Classification: accuracy, %", "psnr": "Reconstruction: PSNR, dB"}
ROLES = ("auto-encoder with shortcuts", "auto-encoder without shortcuts", "classification network")
NOTE = "The paper draws curves and prints no numbers: with shortcuts, as in the classifier, accuracy rises and " \
    "reconstruction falls with depth; without them they tend otherwise."  # fmt: skip


@dataclass(frozen=True)
class _Probed:
    """A group of probed runs and the network of figure 3 that it stands for."""

    role: str
    group: Group

    def at(self, measure: str) -> dict[int, Point]:
        """Layer -> point, for "accuracy" or "psnr"."""
        points = {}
        for name in self.group.metrics:
            statistic = self.group.statistic(name)
            if name.startswith(f"probe_{measure}_") and statistic is not None:
                layer = int(name.rpartition("_")[2])
                points[layer] = Point(statistic.mean, statistic.deviation, layer)
        return dict(sorted(points.items()))

    @property
    def label(self) -> str:
        told = self.group.recipe
        return told if self.group.full else f"{told}: {words.changed(self.group)}"


def is_probe(metric: str) -> bool:
    """Whether a value was measured on frozen features."""
    return PROBE.fullmatch(metric) is not None


def figure3(tables: Mapping[str, Table], groups: Sequence[Group], recipes: Mapping[str, Recipe]) -> Section:
    """Set out the probes of every run that was probed; each of the three networks has a row at least."""
    probed = sorted(_probed(groups, recipes), key=lambda each: (each.role not in ROLES, each.role))
    layers = sorted({layer for each in probed for measure in MEASURES for layer in each.at(measure)})
    final = sorted({name for each in probed for name in each.group.metrics if is_probe(name) and "probe" not in name})
    examples = {role: _example(role, tables) for role in ROLES}
    depth = [f"after layers {layers[0]} to {layers[-1]}"] if layers else []
    rows = [row for role in ROLES for row in _role_rows(role, examples[role], probed, layers, final)]
    rows += [row for each in probed if each.role not in ROLES for row in _rows(each, layers, final)]
    shown = [recipe for recipe, _ in examples.values() if recipe is not None]
    return Section(
        name=NAME,
        title="Classification and reconstruction from the features after each ReLU",
        notes=(NOTE,),
        columns=(
            *(Column(title) for title in ("network", "recipe", "from frozen features", *depth)),
            *(Column(title, number=True) for title in (*map(_final_words, final), "n")),
            Column("measured on"),
        ),
        rows=told_once(rows),
        commands=commands.script(
            [
                *((recipe.name, commands.run(recipe, recipes, "probe")) for recipe in shown),
                *repeats((each.group for each in probed), is_probe, recipes, "probe"),
            ]
        ),
        charts=tuple(_charts(probed)),
        runs=provenance((each.group for each in probed), is_probe, recipes, "probe"),
    )


def _probed(groups: Sequence[Group], recipes: Mapping[str, Recipe]) -> Iterator[_Probed]:
    for group in groups:
        if any(name.startswith("probe_accuracy_") for name in group.metrics):
            yield _Probed(_role(group, recipes.get(group.recipe)), group)


def _role(group: Group, recipe: Recipe | None) -> str:
    """Which of the three networks a group's runs are; their recipe's name where they are none of them."""
    if recipe is None:
        return group.recipe
    with contextlib.suppress(RecipeError):  # measured by a version whose recipes had other keys
        recipe = override(recipe, commands.settings(group.changes))
    role = _role_of(recipe)
    return role if group.start is None else f"{role}, pre-trained"


def _role_of(recipe: Recipe) -> str:
    if recipe.stage == "pretrain":
        return ROLES[0] if recipe.network.shortcuts == "all" else ROLES[1]
    return ROLES[2]


def _example(role: str, tables: Mapping[str, Table]) -> tuple[Recipe | None, str]:
    """The first recipe of the tables that trains such a network on CIFAR-10 as the figure has it, and its needs."""
    for table in sorted(tables.values(), key=lambda table: (table.name != NAME, table.beyond)):
        for recipe in (*table.pretraining, *table.rows):
            if recipe.data == "cifar10" and not recipe.pretrained_by and _role_of(recipe) == role:
                return recipe, table.needs
    return None, "CIFAR-10"


def _role_rows(
    role: str, example: tuple[Recipe | None, str], probed: Sequence[_Probed], layers: list[int], final: list[str]
) -> Iterator[Row]:
    own = [each for each in probed if each.role == role]
    if not any(each.group.full for each in own):
        recipe, needs = example
        blank = [words.NONE] * (bool(layers) + len(final) + 1)
        for measure in MEASURES.values():
            missing = f"not run: needs `symae probe` of such a run; {needs}"
            yield Row((role, recipe.name if recipe else words.NONE, measure, *blank, missing), "missing")
    for each in own:
        yield from _rows(each, layers, final)


def _rows(each: _Probed, layers: list[int], final: list[str]) -> Iterator[Row]:
    """Two rows: classification, with the probes of the final layer beside it, and reconstruction."""
    for measure, told in MEASURES.items():
        points = each.at(measure)
        upto = [layer for layer in layers if layer <= max(points, default=0)]
        cells = [" ".join(f"{points[layer].mean:.1f}" if layer in points else words.NONE for layer in upto)]
        ends = [each.group.statistic(name) if measure == "accuracy" else None for name in final]
        cells += [words.NONE if end is None else f"{end.mean:.1f}" for end in ends]
        first = next((name for name in each.group.metrics if name.startswith(f"probe_{measure}_")), "")
        count, where = str(len(each.group.measured(first))), words.origin(each.group, first)
        yield Row((each.role, each.label, told, *cells, count, where), each.group.kind)


def _final_words(metric: str) -> str:
    """Name a probe of the final layer, e.g. "final: 20-NN"."""
    name = metric.removesuffix("_accuracy")
    return f"final: {name.removeprefix('knn')}-NN" if name.startswith("knn") else f"final: {name}"


def _charts(probed: Sequence[_Probed]) -> Iterator[Curves]:
    for measure, title in CHARTS.items():
        curves = [Curve(_curve_label(each, probed), tuple(each.at(measure).values())) for each in probed]
        if any(curve.points for curve in curves):
            yield Curves(title, "layer", title.partition(": ")[2], tuple(curves))


def _curve_label(each: _Probed, probed: Sequence[_Probed]) -> str:
    alone = sum(other.role == each.role for other in probed) == 1
    return each.role if alone else f"{each.role} ({each.label})"
