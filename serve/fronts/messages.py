"""What a front and an owner say to each other; arrays are meant by where they lie in shared memory.

    front -> owner      Submit, Cancel, Release, Tally
    owner -> front      Offers, Finished, Failed, Totals

Every Submit gets one Finished or Failed, also after a Cancel: until then the owner may use its block.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from serve.catalogue import ModelState
from serve.errors import ServeError
from serve.fronts.plain import Plain

__all__ = [
    "TELL", "Cancel", "Failed", "Finished", "Message", "Offer", "Offers", "Release", "Submit", "Tally", "Totals",
]  # fmt: skip

TELL = 1.0  # seconds after which fronts and owners tell each other what they have counted


@dataclass(frozen=True, slots=True)
class Submit:
    """Run a model.

    Attributes:
        number: by which it is answered; never used twice on a link.
        model: number of the offer.
        expires: `time.monotonic()`, which is the same clock in all processes of a machine.
        offset: where the block begins that holds its arrays, as `serve.fronts.layout` lays them.
        size: (n, H, W), the number of images and their size in pixels.
        outputs: names of what to compute.
    """

    number: int
    model: int
    expires: float
    offset: int
    size: tuple[int, int, int]
    outputs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cancel:
    """Nobody waits for the answer to this number any more."""

    number: int


@dataclass(frozen=True, slots=True)
class Release:
    """An offer that was withdrawn is not used any more."""

    model: int


@dataclass(frozen=True, slots=True)
class Finished:
    """The answer: the outputs are where they were wanted; with the seconds of waiting and running."""

    number: int
    queue: float
    run: float


@dataclass(frozen=True, slots=True)
class Failed:
    """The answer: why there is none."""

    number: int
    error: ServeError


@dataclass(frozen=True, slots=True)
class Offer:
    """A model that an owner runs.

    Attributes:
        number: by which it is meant; never used twice by an owner.
        slot: its place on the board.
        name, version, provider, run_pixels: as `serve.catalogue.Served` has them.
        metadata: the JSON of `serve.metadata.ModelMetadata`.
    """

    number: int
    slot: int
    name: str
    version: str
    provider: str
    run_pixels: int
    metadata: str


@dataclass(frozen=True, slots=True)
class Offers:
    """All models that an owner runs now; what it offered before and is not among them is withdrawn.

    Attributes:
        offers: the models.
        states: of all versions that the owner knows of.
    """

    offers: tuple[Offer, ...]
    states: tuple[ModelState, ...] = ()


@dataclass(frozen=True, slots=True)
class Tally:
    """What a front has counted since it began, as `serve.fronts.plain` writes it.

    Attributes:
        models: number of the offer -> its requests, as statistics of the model.
        requests: all of them.
    """

    models: Mapping[int, Plain]
    requests: Plain


@dataclass(frozen=True, slots=True)
class Totals:
    """What others than the front have counted of each model, by the number of its offer.

    Attributes:
        runs: the owner itself.
        requests: the other fronts.
    """

    runs: Mapping[int, Plain]
    requests: Mapping[int, Plain]


Message = Submit | Cancel | Release | Offers | Finished | Failed | Tally | Totals
