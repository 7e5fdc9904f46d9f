"""int8 against fp32 on this CPU: images a second, and what is lost for it.

The shipped auto-encoder, on crops of the built-in photographs, which it was not trained on, damaged as in its training;
its speed also on a whole photograph. And the run of a classifier that SYMAE_CLASSIFIER_RUN names, on the
images that this run holds out, with its encoder; where it is not set these lines are skipped. One such run:

    symae train table2-random --data CIFAR10 --out RUN --set network.width=0.25 --set epochs=10 \\
        --set labels=12000 --set validation=0.04 --set fresh=he --set keep=best --set validate_every=10 \\
        --set 'milestones=[6,8]'
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import onnx

from benchmarks.lines import Line
from export.half import whole_weights
from export.loss import open_graph, speed
from export.precision import Limits, best
from export.run import export_model
from export.samples import Sample, draw, images_of
from serve.metadata import KEY, ModelMetadata
from serve.repository import find_models
from serve.shipped import shipped_models
from symae.data import DataOptions, Dataset, Target, open_dataset
from symae.data.dataset import spread
from symae.recipes import Recipe, find
from symae.weights import load

__all__ = ["measure"]

LEAST, ROUNDS = 1.3, 15
LIMITS = Limits()
PHOTOGRAPH = (1, 321, 481)  # N, H, W


def measure(quick: bool) -> Iterator[Line]:
    """Measure all lines; see the module."""
    graph = whole_weights(onnx.load(find_models(shipped_models())[0].path))
    recipe = find(ModelMetadata.from_json({entry.key: entry.value for entry in graph.metadata_props}[KEY]).recipe)
    photos = open_dataset("photos", target=Target.NONE, part="train", options=DataOptions())
    yield from _lines("shipped autoencoder", graph, recipe, photos, quick)
    run = os.environ.get("SYMAE_CLASSIFIER_RUN")
    if run is None:
        print("SYMAE_CLASSIFIER_RUN is not set: the lines of a classifier are skipped", file=sys.stderr)
        return
    recipe, images = images_of(Path(run))
    for kind, graph in islice(export_model(*load(run)), 2):
        yield from _lines(kind, graph, recipe, images, quick)


def _lines(name: str, graph: onnx.ModelProto, recipe: Recipe, images: Dataset, quick: bool) -> Iterator[Line]:
    calibration, held_out = draw(recipe, spread(images, 16) if quick else images)
    reduced = best(graph, "int8", calibration, held_out, LIMITS)  # what is lost is a line of its own
    exact, fast = open_graph(graph), open_graph(reduced.model)
    rounds = 1 if quick else ROUNDS
    gain, crop = speed(exact, fast, held_out[0], rounds), recipe.crop
    note = f"batches of {len(held_out[0].clean)} crops of {crop}; {reduced.size:.2f} of the size; {reduced.method}"
    if "autoencoder" in name and not quick:
        note += f"; a photograph of 321 x 481: {speed(exact, fast, _photograph(), rounds):.2f}"
    key = name.replace(" ", "-")
    yield Line(f"int8-{key}", f"{name}: int8 over fp32, images/s", LEAST, True, gain, note)
    lost, most = reduced.loss, LIMITS.decibels if reduced.loss.unit == "dB" else LIMITS.points
    what = f"{name}: {lost.what} lost by int8, {lost.unit}"
    yield Line(f"int8-{key}-lost", what, most, False, lost.value, f"{lost.images} held-out images")


def _photograph() -> Sample:
    image = np.random.default_rng(0).integers(0, 256, (*PHOTOGRAPH, 3), np.uint8)
    return Sample({"image": image, "mask": np.zeros(PHOTOGRAPH, np.uint8)}, image, None)
