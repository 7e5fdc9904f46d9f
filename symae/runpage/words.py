"""What a run page says in words: states, amounts, times."""

from __future__ import annotations

from symae.runpage.curves import SEEN, named
from symae.runpage.facts import BACKWARD, Facts, Price
from symae.runpage.record import Record
from symae.runpage.sessions import clock_words

__all__ = ["amount", "cost_lines", "duration", "kept_value", "state_words", "tiles"]

NONE = "—"
STATES = {
    "finished": "✓ finished",
    "training": "▶ training",
    "interrupted": "‖ interrupted",
    "failed": "✕ failed",
    "unfinished": "‖ not finished",
}


def state_words(record: Record) -> tuple[str, str]:
    """How a run stands: a few words, and a sentence."""
    done, asked = record.metrics.epochs, record.run.recipe.epochs
    epochs = f"{done} of {asked} epochs done"
    last = record.sessions[-1] if record.sessions else None
    when = f", {clock_words(last.seen)}" if last else ""
    more = {
        "finished": "",
        "training": ". If this page stays as it is, the process has ended; it goes on with",
        "interrupted": f". {last.message if last else ''}. It goes on with",
        "failed": f". {last.message if last else ''}. The last good state is kept; it goes on with",
        "unfinished": ". It goes on with",
    }[record.state]
    return STATES[record.state], f"{epochs}{when}{more}"


def kept_value(record: Record) -> tuple[str, float, int] | None:
    """The main metric of the weights that are kept: its column, its value, its epoch; None: not measured yet."""
    name = record.run.recipe.main_metric
    for column in (name, SEEN + name):
        series = record.metrics.series(column)
        if series and record.run.recipe.keep == "last":
            return column, series[-1][1], int(series[-1][0])
        if best := record.metrics.best(column):
            return column, best[1], best[0]
    return None


def tiles(record: Record, facts: Facts) -> tuple[tuple[str, str], ...]:
    """The few numbers that are wanted first: (number, what it is)."""
    found = []
    if kept := kept_value(record):
        name, _, unit = named(kept[0]).partition(", ")
        found.append((f"{kept[1]:.2f} {unit.partition(',')[0]}".strip(), f"{name}, weights of epoch {kept[2]}"))
        before = record.metrics.last(kept[0] + "_input")
        if before is not None:
            found.append((f"{kept[1] - before:+.2f} dB".replace("-", "−"), f"over the damaged, {before:.2f} dB"))
    if (loss := record.metrics.last("loss")) is not None:
        found.append((f"{loss:.4g}", "training loss, last epoch"))
    if facts.usual_rate is not None:
        found.append((f"{facts.usual_rate:,.0f}", "images/s, median epoch"))
    if facts.elapsed is not None or facts.training:
        whole = facts.elapsed if facts.elapsed is not None else facts.training
        found.append((duration(whole), "in all" if facts.elapsed is not None else "of training"))
    return tuple(found)


def cost_lines(facts: Facts, price: Price) -> tuple[tuple[str, str], ...]:
    """What it has cost: (what, amount); money and energy as a formula where the reader told no price."""
    hours = f"{facts.device_hours:.3g} h"
    energy, money = facts.kwh(price), facts.money(price)
    watts = f"{price.watts:g} W" if price.watts is not None else "watts"
    rate = f"{price.kwh:g}" if price.kwh is not None else "price of a kWh"
    formula = f"{hours} × {watts} / 1000" + ("" if energy is None else f" = {energy:.3g} kWh")
    paid = f"{hours} × price of an hour, or kWh × {rate}"
    if price.hour is not None:
        paid = f"{hours} × {price.hour:g} an hour = {money:.3g}"
    elif money is not None:
        paid = f"{energy:.3g} kWh × {rate} = {money:.3g}"
    speed = "" if facts.speed is None else f", {amount(facts.speed)}FLOP/s while training"
    passes = f"({BACKWARD} × images + {facts.guessed:,} guesses)" if facts.guessed else f"{BACKWARD} × images"
    return (
        ("images seen", f"{facts.images:,}"),
        ("training", duration(facts.training)),
        ("with validation, saving and start", NONE if facts.elapsed is None else duration(facts.elapsed)),
        ("waited for data", NONE if facts.waited is None else f"{facts.waited:.1%} of the training"),
        ("throughput", NONE if facts.rate is None else f"{facts.rate:,.1f} images/s over all epochs"),
        ("device hours", hours + ("" if facts.elapsed is not None else ", of the training alone")),
        ("computed, estimated", f"{amount(facts.flops)}FLOP{speed}"),
        ("how estimated", f"{passes} × {amount(facts.forward)}FLOP of a forward pass; convolutions alone"),
        ("energy", formula),
        ("money", paid),
    )


def amount(number: float) -> str:
    """A large number with the letter of its thousand, e.g. "3.21 T"."""
    for letter in ("", "k", "M", "G", "T", "P", "E"):
        if abs(number) < 1000 or letter == "E":
            return f"{number:.3g} {letter}"
        number /= 1000
    raise AssertionError


def duration(seconds: float) -> str:
    """A time as people say it, e.g. "2 h 05 min"."""
    if seconds < 99.5:
        return f"{seconds:.1f} s" if seconds < 9.95 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"
