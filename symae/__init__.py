"""Learn: networks, corruption, data, recipes, training and evaluation of symmetric auto-encoders.

    model = symae.load("runs/pretrain")       # a torch module, in evaluation mode
    model = symae.SymmetricAutoencoder.from_pretrained("runs/pretrain")

PyTorch is imported when one of these names is first asked for: what serves has none.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import os

    from symae.networks import Classifier, NetworkSpec, Segmenter, SymmetricAutoencoder, network1, network2, network3
    from symae.weights import Model, ModelCard

__all__ = [
    "Classifier",
    "ModelCard",
    "NetworkSpec",
    "Segmenter",
    "SymmetricAutoencoder",
    "load",
    "network1",
    "network2",
    "network3",
]


def load(path: str | os.PathLike[str]) -> Model:
    """Load what a run has learned as a torch module.

    Args:
        path: a run directory, a `Run`, or a file or folder that `save_pretrained` wrote.

    Returns:
        An auto-encoder, classifier or segmenter in evaluation mode on the CPU; its `card` says what is known of it.
        It takes images (B, C, H, W), uint8 or float in [0, 1], of any size; normalisation is inside.

    Raises:
        RunError: there are no weights there, or they are damaged.
        ModuleNotFoundError: PyTorch is not installed.
    """
    weights = _import("symae.weights")
    model: Model = weights.load(path)[0]
    return model


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(_import("symae.weights" if name == "ModelCard" else "symae.networks"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _import(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        message = f"symae's networks need {error.name}, which is not installed: pip install 'symae[train]'"
        raise ModuleNotFoundError(message, name=error.name) from error
