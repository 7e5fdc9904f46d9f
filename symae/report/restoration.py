"""Denoising by the community's protocol: published numbers and what was measured, for each set of images."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from symae.recipes import Recipe, Table
from symae.report import commands, words
from symae.report.chart import Bar, Bars, Point
from symae.report.collect import Group, Statistic
from symae.report.provenance import provenance, repeats
from symae.report.published import PUBLISHED, Published
from symae.report.section import Column, Row, Section, told_once

__all__ = ["NAME", "belongs", "restoration"]

NAME = "restoration"
METRIC = re.compile(r"psnr_sigma(\d+(?:\.\d+)?)(_ensemble)?")
TITLES = {"bsd68": "BSD68, gray", "cbsd68": "CBSD68, colour"}
NOTES = (
    "Noise of a fixed seed for each image, not clipped; no border cut; mean PSNR in dB over the images.",
    "In brackets: published − measured. Ensemble: the mean over the 8 flips and rotations of an image.",
)


@dataclass(frozen=True)
class _Method:
    """A line of the table: published, or measured, or to be measured.

    Attributes:
        name: of the method.
        data: in lower case.
        published: sigma -> dB.
        group: of its measurements; None: these numbers are published, or it was not run.
        ensemble: whether the numbers are means over flips and rotations.
        where: who published it, or on what it was measured, or what it needs.
        missing: not run.
    """

    name: str
    data: str
    published: Mapping[float, float]
    group: Group | None = None
    ensemble: bool = False
    where: str = ""
    missing: bool = False

    def at(self, sigma: float) -> Statistic | None:
        """What was measured at a level of noise."""
        return self._statistic(f"psnr_sigma{sigma:g}")

    @property
    def seconds(self) -> str:
        """How long an image takes."""
        statistic = self._statistic("seconds_per_image")
        return words.NONE if statistic is None else f"{statistic.mean:.3g}"

    def _statistic(self, metric: str) -> Statistic | None:
        return None if self.group is None else self.group.statistic(f"{metric}{'_ensemble' if self.ensemble else ''}")


def belongs(metric: str) -> bool:
    """Whether a value stands in this section, not in that of its recipe: PSNR and SSIM of whole images, seconds."""
    return metric != "psnr_input" and (metric.startswith(("psnr_", "ssim_")) or "second" in metric)


def restoration(tables: Mapping[str, Table], groups: Sequence[Group], recipes: Mapping[str, Recipe]) -> Section:
    """Set published numbers, other methods and the recipes of the table of this name beside each other."""
    own = [group for group in groups if any(map(_is_denoising, group.metrics))]
    table = tables.get(NAME)
    methods = [method for data in _sets(own) for method in _methods(data, own, table)]
    found = (METRIC.fullmatch(name) for group in own for name in group.metrics)
    sigmas = sorted({*(float(match[1]) for match in found if match), *(s for each in PUBLISHED for s in each.psnr)})
    rows = () if table is None else table.rows
    return Section(
        name=NAME,
        title="Denoising of photographs (PSNR, dB)",
        notes=NOTES,
        columns=(
            *(Column("images"), Column("method")),
            *(Column(f"sigma {sigma:g}", number=True) for sigma in sigmas),
            *(Column("n", number=True), Column("s an image", number=True), Column("source, or measured on")),
        ),
        rows=told_once(_row(method, sigmas) for method in methods),
        commands=commands.script(
            [
                *((recipe.name, commands.run(recipe, recipes, "restoration")) for recipe in rows),
                *repeats(own, belongs, recipes, "restoration"),
            ]
        ),
        charts=tuple(_charts(methods, sigmas)),
        runs=provenance(own, belongs, recipes, "restoration"),
    )


def _is_denoising(metric: str) -> bool:
    return METRIC.fullmatch(metric) is not None


def _sets(groups: Sequence[Group]) -> tuple[str, ...]:
    return tuple(dict.fromkeys([*TITLES, *(group.data.lower() for group in groups)]))


def _methods(data: str, groups: Sequence[Group], table: Table | None) -> Iterator[_Method]:
    """Published methods, each followed by its own measurement; then our recipes; then all others."""
    here = [group for group in groups if group.data.lower() == data]
    keys = set()
    for each in (each for each in PUBLISHED if each.data == data):
        if each.psnr:
            yield _Method(each.method, data, each.psnr, where=f"published: {each.source}")
        if each.key:
            keys.add(each.key)
            yield from _own(each, [group for group in here if group.recipe.lower() == each.key])
    for recipe in () if table is None else table.rows:
        if not any(group.recipe == recipe.name and group.full for group in here) and _fits(recipe, data):
            needs = f"not run: needs {table.needs if table else ''}"
            yield _Method(recipe.name, data, {}, where=needs, missing=True)
    for group in here:
        if group.recipe.lower() not in keys:
            yield from _measured(group.recipe, data, {}, group)


def _own(published: Published, groups: Sequence[Group]) -> Iterator[_Method]:
    if not groups:
        needs = f"not run: needs {published.needs}"
        yield _Method(f"{published.method}, run here", published.data, published.psnr, where=needs, missing=True)
    for group in groups:
        yield from _measured(f"{published.method}, run here", published.data, published.psnr, group)


def _measured(name: str, data: str, published: Mapping[float, float], group: Group) -> Iterator[_Method]:
    """A line for the plain numbers and one for those of the ensemble."""
    name = name if group.full else f"{name}: {words.changed(group)}"
    for ensemble in (False, True):
        matches = ((metric, METRIC.fullmatch(metric)) for metric in group.metrics)
        metrics = [metric for metric, match in matches if match and bool(match[2]) == ensemble]
        if metrics:
            told = f"{name}, ensemble" if ensemble else name
            yield _Method(told, data, {} if ensemble else published, group, ensemble, words.origin(group, metrics[0]))


def _fits(recipe: Recipe, data: str) -> bool:
    return data == ("bsd68" if recipe.network.channels == 1 else "cbsd68")


def _row(method: _Method, sigmas: Sequence[float]) -> Row:
    cells = [_cell(method, sigma) for sigma in sigmas]
    head = TITLES.get(method.data, method.data), method.name
    if method.missing:
        return Row((*head, *[words.NONE] * (len(sigmas) + 2), method.where), "missing")
    if method.group is None:
        return Row((*head, *cells, "", "", method.where), "other")
    counts = {statistic.n for sigma in sigmas if (statistic := method.at(sigma)) is not None}
    return Row((*head, *cells, str(max(counts)), method.seconds, method.where), method.group.kind)


def _cell(method: _Method, sigma: float) -> str:
    published, statistic = method.published.get(sigma), method.at(sigma)
    if method.group is None:
        return words.NONE if published is None else f"{published:.2f}"
    gap = words.difference(published, statistic)
    return words.measured(statistic) + (f" ({gap})" if gap != words.NONE else "")


def _charts(methods: Sequence[_Method], sigmas: Sequence[float]) -> Iterator[Bars]:
    for data in dict.fromkeys(method.data for method in methods):
        for sigma in sigmas:
            bars = [_bar(method, sigma) for method in methods if method.data == data]
            groups = tuple(("", (bar,)) for bar in bars if bar is not None)
            if groups:
                yield Bars(f"{TITLES.get(data, data)}, sigma {sigma:g}: PSNR, dB", groups, zero=False)


def _bar(method: _Method, sigma: float) -> Bar | None:
    if method.group is None:
        value = method.published.get(sigma)
        return None if value is None or method.missing else Bar("paper", Point(value), method.name, f"{value:.2f}")
    statistic = method.at(sigma)
    if statistic is None:
        return None
    point = Point(statistic.mean, statistic.deviation)
    return Bar(method.group.kind, point, method.name, words.measured(statistic))
