"""Where training starts: weights drawn afresh, measured from the pixels, or taken from another run.

What `--init` took and what was drawn anew is reported, because half a model loaded in silence is the
most expensive mistake of fine-tuning (sections 3.3 and 5.4.2).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch

from symae.data import Dataset, UnreadableImage
from symae.errors import RunError
from symae.networks import Encoder
from symae.networks.autoencoder import Initialisation, initialise
from symae.randomness import generator
from symae.recipes import Recipe
from symae.weights import Model, ModelCard, load_tensors

__all__ = ["Transfer", "adopt_network", "draw_weights", "measure_pixels", "transfer"]

PARTS = {"nothing": (), "encoder": ("encoder.",), "encoder+decoder": ("encoder.", "decoder.")}
STATISTICS_FROM = 512  # images that the mean and standard deviation of the pixels are taken from


@dataclass(frozen=True)
class Transfer:
    """What a model got from another run.

    Attributes:
        taken: names of the tensors that were copied.
        drawn: names of the model's tensors that keep their fresh weights.
        left: names of the run's tensors that were not used.
        gray: whether what was learned in colour was made gray.
    """

    taken: tuple[str, ...]
    drawn: tuple[str, ...]
    left: tuple[str, ...]
    gray: bool = False

    def __str__(self) -> str:
        text = f"{len(self.taken)} tensors taken{', from colour to gray' if self.gray else ''}"
        for word, names in (("drawn anew", self.drawn), ("left behind", self.left)):
            if names:
                text += f"; {len(names)} {word} ({_modules(names)})"
        return text


def draw_weights(model: Model, rule: Initialisation, seed: int) -> None:
    """Draw all weights by a rule, as the seed has them."""
    initialise(model, generator("cpu", seed, "weights"), rule)


def measure_pixels(encoder: Encoder, training: Dataset) -> None:
    """Set mean and standard deviation of each channel from evenly spread training images."""
    channels = encoder.spec.channels
    count, total, squares = 0, torch.zeros(channels).double(), torch.zeros(channels).double()
    for index in range(0, len(training), max(1, len(training) // STATISTICS_FROM)):
        try:
            pixels = torch.from_numpy(training[index].image).flatten(0, 1).double() / 255
        except UnreadableImage:  # the loader reports it
            continue
        count += len(pixels)
        total += pixels.sum(0)
        squares += pixels.square().sum(0)
    mean = total / max(count, 1)
    variance = (squares / max(count, 1) - mean.square()).clamp(min=1e-4)
    encoder.mean.copy_(mean[:, None, None])
    encoder.std.copy_(variance.sqrt()[:, None, None])


def adopt_network(recipe: Recipe, card: ModelCard, run: Path) -> Recipe:
    """Give a recipe the network of the run that it starts from, so that the weights fit.

    Its head stays, and a recipe for gray images stays one: `transfer` makes the weights of a run in colour gray.

    Raises:
        RunError: the recipe stands for a row of the paper, and the run is not the one that it starts from.
    """
    if recipe.reported and card.recipe != recipe.pretrained_by:
        raise RunError(
            f"{run} is a run of {card.recipe or 'no known recipe'}, {recipe.name} starts from one of "
            f"`symae train {recipe.pretrained_by}`"
        )
    return dataclasses.replace(recipe, network=recipe.network.adopting(card.network))


def transfer(model: Model, run: Path, recipe: Recipe) -> Transfer:
    """Copy the parts that `recipe.initialise` names from a run's weights into a model.

    Pre-training that starts from a run goes on with the whole auto-encoder. What a run in colour has learned begins a
    model for gray images as if each were three channels, equal after zero-centring, whose mean is what comes out.

    Raises:
        RunError: a tensor of these parts is missing in the run, or has another shape.
    """
    source, target = load_tensors(run), model.state_dict()
    gray = model.encoder.spec.channels == 1 and len(source.get("encoder.mean", ())) > 1
    if gray:
        source = {name: _gray(name, tensor) for name, tensor in source.items()}
    prefixes = ("",) if recipe.stage == "pretrain" else PARTS[recipe.initialise]
    wanted = [name for name in target if name.startswith(prefixes)] if prefixes else []
    wrong = [name for name in wanted if name not in source or source[name].shape != target[name].shape]
    if wrong:
        raise RunError(
            f"{run} does not fit: {len(wrong)} of {len(wanted)} tensors are missing there or have another shape "
            f"({_modules(wrong)}); the network must be the same: leave --set network.… out, it is the run's"
        )
    model.load_state_dict({name: source[name] for name in wanted}, strict=False)
    return Transfer(
        taken=tuple(wanted),
        drawn=tuple(name for name in target if name not in wanted),
        left=tuple(name for name in source if name not in wanted),
        gray=gray,
    )


def _gray(name: str, tensor: torch.Tensor) -> torch.Tensor:
    """Make one of an auto-encoder's tensors that of gray images; those of a gray one stay as they are."""
    if name == "encoder.convolutions.0.weight":
        return tensor.sum(1, keepdim=True)
    if name == "output.weight":
        return tensor.mean(1, keepdim=True)
    return tensor.mean(0, keepdim=True) if name in ("encoder.mean", "encoder.std") else tensor


def _modules(names: Iterable[str]) -> str:
    modules = list(dict.fromkeys(name.rpartition(".")[0] for name in names))
    return ", ".join(modules[:4]) + (", ..." if len(modules) > 4 else "")
