"""What a run has cost, and what it may be said to have computed: counted from its files, never guessed."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from symae.runpage.record import Record

__all__ = ["BACKWARD", "Facts", "Price", "facts_of"]

BACKWARD = 3  # a training step computes about three times a forward pass


@dataclass(frozen=True)
class Price:
    """What the reader pays; None: not told.

    Attributes:
        watts: power of a device with its share of the machine.
        kwh: money for a kilowatt hour.
        hour: money for an hour of a device.
    """

    watts: float | None = None
    kwh: float | None = None
    hour: float | None = None


@dataclass(frozen=True)
class Facts:
    """Amounts of a training; None: not known.

    Attributes:
        images: that were seen, each time counted; those without labels, too.
        guessed: those of them that the averaged weights looked at first, see `symae.self_training`.
        training: seconds of training, without validation, saving and start.
        elapsed: seconds from each start to its end, together; None for a run that began before they were kept.
        device_hours: hours of all devices; of the training alone where more is not known.
        rate: images a second of training, over all of it.
        usual_rate: the median over the epochs.
        waited: share of the training in which it waited for data.
        forward: floating point operations of an image's forward pass, convolutions alone.
    """

    images: int
    guessed: int
    training: float
    elapsed: float | None
    device_hours: float
    rate: float | None
    usual_rate: float | None
    waited: float | None
    forward: int

    @property
    def flops(self) -> int:
        """Estimated floating point operations of the whole training."""
        return self.forward * (BACKWARD * self.images + self.guessed)

    @property
    def speed(self) -> float | None:
        """Estimated floating point operations a second of training."""
        return None if self.rate is None or not self.images else self.flops / self.images * self.rate

    def kwh(self, price: Price) -> float | None:
        """Energy, where the power is told."""
        return None if price.watts is None else self.device_hours * price.watts / 1000

    def money(self, price: Price) -> float | None:
        """What it has cost, where prices are told: of the hours, else of the energy."""
        if price.hour is not None:
            return self.device_hours * price.hour
        energy = self.kwh(price)
        return None if energy is None or price.kwh is None else energy * price.kwh


def facts_of(record: Record) -> Facts:
    """Count what a run has cost."""
    recipe, metrics, sessions = record.run.recipe, record.metrics, record.sessions
    training = metrics.total("seconds")
    images = recipe.repeats * sessions[-1].images if sessions else 0  # 0: not known
    batch = min(recipe.batch_size, images or recipe.batch_size)
    steps = int(metrics.rows[-1]["step"]) if metrics.rows else 0
    alone = max((int(row["step"]) for row in metrics.rows if int(row["epoch"]) <= recipe.labels_first), default=0)
    beside = min(recipe.unlabelled, sessions[-1].unlabelled) if sessions else recipe.unlabelled
    guessed = (steps - alone) * beside
    rates = [value for _, value in metrics.series("images_per_second")]
    timed = training > 0 and bool(rates)
    watched = sessions if sessions and sessions[0].first == 0 else ()  # those of an older run tell of its end alone
    elapsed = sum(session.seconds for session in watched) if watched else None
    hours = sum(session.seconds * session.processes for session in watched) / 3600 if watched else training / 3600
    return Facts(
        images=steps * batch + guessed,
        guessed=guessed,
        training=training,
        elapsed=elapsed,
        device_hours=hours,
        rate=metrics.total("images_per_second") / training if timed else None,
        usual_rate=statistics.median(rates) if rates else None,
        waited=metrics.total("data_wait") / training if timed else None,
        forward=recipe.network.flops(recipe.crop, recipe.crop, decoder=recipe.stage != "classify"),
    )
