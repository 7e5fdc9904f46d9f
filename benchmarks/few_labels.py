"""What images without labels are worth to a classifier while it is fine-tuned, on handwritten digits.

    python -m benchmarks.few_labels --seeds 3 --labels 20

scikit-learn's 1,797 digits (Alpaydin and Kaynak 1998), 1,200 to train on and 597 to test. Each seed draws its own
labels, the same number of each class. Two runs of the recipe `classify-semi` from fresh weights, alike but for one
thing: one also learns from all 1,200 without their labels.
"""

from __future__ import annotations

import statistics
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from symae.assess import assess
from symae.recipes import find
from symae.request import Request
from symae.train import train

__all__ = ["accuracy", "write_digits"]

TRAIN, SIDE = 1200, 16
SETTINGS = (  # small gray pictures that must not be mirrored, and of which a few labelled ones make an epoch
    *("network.width=0.5", f"resize={SIDE}", f"crop={SIDE}", "flip=false", "augmentation.mix=none"),
    *("augmentation.shift=2", "corruption_probability=0", "validation=0", "keep=last", "warmup=2"),
    *("initialise=nothing", "hold_epochs=0"),
)
WITHOUT = ("unlabelled=0", "labels_first=0")


def write_digits(folder: Path) -> Path:
    """Write the digits as DIGIT/NUMBER.png below train/ and test/, (16, 16), the same split each time."""
    digits = load_digits()
    order = np.random.default_rng(0).permutation(len(digits.target))
    for place, index in enumerate(order):
        below = folder / ("train" if place < TRAIN else "test") / str(digits.target[index])
        below.mkdir(parents=True, exist_ok=True)
        pixels = (digits.images[index] * 255 / 16).astype(np.uint8)  # 8 x 8, in [0, 16]
        Image.fromarray(pixels).resize((SIDE, SIDE), Image.Resampling.BILINEAR).save(below / f"{index:04}.png")
    return folder


def accuracy(data: Path, out: Path, seed: int, settings: tuple[str, ...]) -> float:
    """Train and test, in per cent."""
    request = Request(find("classify-semi"), str(data), out, settings, seed=seed, device="cpu", quiet=True)
    run = train(request, say=lambda _: None)
    return assess(run.path, data=None, part="test", seed=0, device="cpu")["accuracy"]


@click.command(context_settings={"show_default": True}, help=__doc__)
@click.option("--seeds", default=3, type=click.IntRange(1))
@click.option("--labels", default=20, type=click.IntRange(10), help="Labelled images, of all classes together.")
@click.option("--epochs", default=40, type=click.IntRange(1), help="Of 25 steps.")
@click.option("--unlabelled", default=100, type=click.IntRange(1), help="Images without labels a step.")
def main(seeds: int, labels: int, epochs: int, unlabelled: int) -> None:
    given = (*SETTINGS, f"labels={labels}", f"batch_size={labels}", "repeats=25", f"epochs={epochs}")
    given = (*given, f"validate_every={epochs}")
    ways = {
        "labels alone": (*given, *WITHOUT),
        f"and {unlabelled} without a step": (*given, f"unlabelled={unlabelled}", f"labels_first={epochs // 7}"),
    }
    with TemporaryDirectory() as place:
        data = write_digits(Path(place, "digits"))
        for name, settings in ways.items():
            found = [accuracy(data, Path(place, name, str(seed)), seed, settings) for seed in range(seeds)]
            spread = f" ± {statistics.stdev(found):.1f}" if seeds > 1 else ""
            told = ", ".join(f"{value:.1f}" for value in found)
            click.echo(f"{labels} labels, {name}: {statistics.mean(found):.1f}{spread} % ({told})")


if __name__ == "__main__":
    main()
