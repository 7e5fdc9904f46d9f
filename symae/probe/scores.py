"""What was probed: the numbers of figure 3, and the file that keeps them while more are measured."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from serve.files import appears_whole
from symae.errors import InputError

__all__ = ["Figure", "FinalScore", "LayerScore", "RunScores", "read_figure", "write_figure"]


@dataclass(frozen=True)
class LayerScore:
    """Both probes of one layer.

    Attributes:
        layer: convolution, counted from 1.
        channels, height, width: of its map.
        accuracy: of the softmax regression on the test part, per cent.
        psnr: of the reconstruction, mean over the test images, dB.
        positions: rows and columns that the softmax regression saw: height and width, or fewer where the whole maps
            were too large for the memory.
        weight_decay: that was chosen for it.
        parameters: of the stack of deconvolutions.
    """

    layer: int
    channels: int
    height: int
    width: int
    accuracy: float
    psnr: float
    positions: tuple[int, int]
    weight_decay: float
    parameters: int


@dataclass(frozen=True)
class FinalScore:
    """What the last layer's map, averaged over its positions, tells of classes; accuracies in per cent.

    Attributes:
        linear_accuracy: of a softmax regression.
        knn1_accuracy, knn20_accuracy: of the vote of the nearest 1 and 20 training images.
    """

    linear_accuracy: float
    knn1_accuracy: float
    knn20_accuracy: float


@dataclass(frozen=True)
class RunScores:
    """All that was measured on one run.

    Attributes:
        run: its directory, as given.
        weights: SHA-256 of its weights, so that a run that was trained again is measured again.
        recipe, network: their names.
        layers: ascending, as far as they were measured.
        final: of the last layer; None: not yet measured.
    """

    run: str
    weights: str
    recipe: str
    network: str
    layers: tuple[LayerScore, ...] = ()
    final: FinalScore | None = None

    def with_layer(self, score: LayerScore) -> RunScores:
        """The same with one layer more."""
        layers = sorted((*self.layers, score), key=lambda known: known.layer)
        return dataclasses.replace(self, layers=tuple(layers))

    def values(self) -> dict[str, float]:
        """All numbers by name: probe_accuracy_1, probe_psnr_1, ..., linear_accuracy, knn1_accuracy, knn20_accuracy."""
        values = {}
        for score in self.layers:
            values[f"probe_accuracy_{score.layer}"] = score.accuracy
            values[f"probe_psnr_{score.layer}"] = score.psnr
        return values if self.final is None else {**values, **dataclasses.asdict(self.final)}


@dataclass(frozen=True)
class Figure:
    """The runs that were asked alike, and what they were asked.

    Attributes:
        data: the name of what was measured on.
        fingerprint: of its images.
        labels: number of training images.
        seed: see `symae.probe.images.Question`.
        method: see `METHOD`.
        runs: in the order in which they were first given.
    """

    data: str
    fingerprint: str
    labels: int
    seed: int
    method: int
    runs: tuple[RunScores, ...] = ()

    def same_question(self, other: Figure) -> bool:
        """Whether numbers of the two can stand in one figure."""
        return dataclasses.replace(self, data="", runs=()) == dataclasses.replace(other, data="", runs=())

    def scores(self, run: RunScores) -> RunScores:
        """What is known of a run, which may be nothing: that of another run at its place does not count."""
        return next((known for known in self.runs if (known.run, known.weights) == (run.run, run.weights)), run)

    def with_run(self, run: RunScores) -> Figure:
        """The same with a run's scores in place of what was known of the run of this name, or behind the others."""
        runs = {known.run: known for known in self.runs} | {run.run: run}
        return dataclasses.replace(self, runs=tuple(runs.values()))


METHOD = 1  # raise it when a change of the probes changes their numbers: old ones are then not mixed with new ones

_ADAPTER = TypeAdapter(Figure)


def read_figure(file: Path, fresh: Figure) -> Figure:
    """Read what `write_figure` wrote, to go on with it; `fresh` where there is none.

    Raises:
        InputError: the file is damaged, or answers another question.
    """
    if not file.exists():
        return fresh
    try:
        known = _ADAPTER.validate_json(file.read_bytes())
    except ValidationError as error:
        raise InputError(f"{file} is no figure of `symae probe`, or is damaged: choose another --out") from error
    if not known.same_question(fresh):
        raise InputError(
            f"{file} holds probes on {known.labels} images of {known.data} with --seed {known.seed}, not those asked "
            f"for now ({fresh.labels} of {fresh.data}, --seed {fresh.seed}): choose another --out"
        )
    return known


def write_figure(figure: Figure, file: Path) -> None:
    """Write all numbers as JSON; the file appears whole or not at all."""
    with appears_whole(file) as partial:
        partial.write_bytes(_ADAPTER.dump_json(figure, indent=2) + b"\n")
