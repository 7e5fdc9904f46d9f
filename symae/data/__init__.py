"""From images on disk to uint8 batches on the device.

A source (a folder, shards, one of TorchVision's sets, built-in data) is a `Dataset`; the pipeline makes
`Batch`es of it.
"""

from __future__ import annotations

from symae.data.beside import Loader, WithUnlabelled
from symae.data.dataset import VOID, DataOptions, Dataset, Example, Part, Subset, Target, UnreadableImage
from symae.data.pipeline import Batch, TrainingLoader, evaluation_batches
from symae.data.sources import NAMES, open_dataset

__all__ = [
    "NAMES",
    "VOID",
    "Batch",
    "DataOptions",
    "Dataset",
    "Example",
    "Loader",
    "Part",
    "Subset",
    "Target",
    "TrainingLoader",
    "UnreadableImage",
    "WithUnlabelled",
    "evaluation_batches",
    "open_dataset",
]
