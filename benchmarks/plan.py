"""From rates to plans: devices, hours, bytes and money for training, embedding and serving.

    python -m benchmarks.plan                         # the table of docs/scaling.md, from benchmarks/rates.json
    python -m benchmarks.plan --rates mine.json --price 2.5

A device is two sustained speeds in GFLOP/s, for training and for running a model: images a second are these over the
network's cost. So one measurement serves for any network that keeps the device busy; a small one is bound by its
calls instead (see benchmarks/capacity.py). Where a rate was not measured it is an estimate, and says so.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from symae.networks import network1

__all__ = ["Device", "Workload", "devices", "plan"]

RATES = Path(__file__).with_name("rates.json")
BACKWARD = 3  # a step costs forward, and twice that backward
JPEG = 43e3  # bytes: mean of 1,000 photographs of ImageNet, shorter side 256
UTILISED = 0.6  # of a server's capacity that is planned with: above it waiting grows fast, see benchmarks/capacity.py


@dataclass(frozen=True)
class Device:
    """What one device sustains.

    Attributes:
        name: as in the table.
        train: GFLOP/s of training steps.
        run: GFLOP/s of inference in ONNX Runtime.
        estimated: not measured.
        source: the command and commit, or the formula and its assumption.
    """

    name: str
    train: float
    run: float
    estimated: bool
    source: str


@dataclass(frozen=True)
class Workload:
    """What is to be done.

    Attributes:
        what: in words.
        images: of a job, over all its epochs; of serving, a second.
        gflop: of one image; training counts its backward pass.
        read, written: bytes of one image.
        serving: it never ends.
        training: its steps are what costs.
    """

    what: str
    images: float
    gflop: float
    read: float
    written: float
    serving: bool = False
    training: bool = False


@dataclass(frozen=True)
class Plan:
    """One workload on devices of one kind; `hours` of one device or, for serving, 0 and the devices that it needs."""

    device_hours: float
    devices: float
    read: float
    written: float


def devices(file: Path = RATES) -> list[Device]:
    """Read the rates."""
    return [Device(**values) for values in json.loads(file.read_text())]


def workloads() -> list[Workload]:
    """The workloads of docs/scaling.md: network 1 as for STL-10 trains and serves, on crops of 89 pixels."""
    spec, side = network1((2, 2, 3, 3), 64), 89
    forward = spec.flops(side, side) / 1e9
    encode = spec.flops(side, side, decoder=False) / 1e9
    size = spec.layers[-1].channels
    epochs = 40
    jobs = [
        Workload(f"pre-train on {n}, {epochs} epochs", count * epochs, BACKWARD * forward, JPEG, 0, training=True)
        for n, count in (("1 M", 1e6), ("100 M", 1e8))
    ]
    jobs += [
        Workload(f"embed {n}", count, encode, JPEG, 4.0 * size)
        for n, count in (("1 M", 1e6), ("100 M", 1e8), ("1 G", 1e9))
    ]
    serve = [
        Workload(f"serve {rate:,} images/s", rate, encode, JPEG, 4.0 * size, serving=True)
        for rate in (10, 1000, 100_000)
    ]
    return jobs + serve


def plan(work: Workload, device: Device) -> Plan:
    """Divide. Of serving: devices at `UTILISED` of their capacity, device hours and bytes of one hour."""
    rate = (device.train if work.training else device.run) / work.gflop  # images a second of one device
    if work.serving:
        needed = work.images / rate / UTILISED
        return Plan(float(math.ceil(needed)), needed, work.read * work.images * 3600, work.written * work.images * 3600)
    hours = work.images / rate / 3600
    return Plan(hours, hours / 24, work.read * work.images, work.written * work.images)


def table(kinds: list[Device], price: float | None = None) -> Iterator[str]:
    """Write the plans as a table of Markdown."""
    money = [] if price is None else [f"money at {price:g} a device hour"]
    head = ["workload", "device", "images/s of one", "device hours", "devices", "read", "written", *money]
    yield "| " + " | ".join(head) + " |"
    yield "|" + " --- |" * len(head)
    for work in workloads():
        for device in kinds:
            found = plan(work, device)
            rate = (device.train if work.training else device.run) / work.gflop
            count = f"{math.ceil(found.devices):,}{' always' if work.serving else ' for a day'}"
            hours = f"{_number(found.device_hours)}{' an hour' if work.serving else ''}"
            name = f"{device.name}{' (estimate)' if device.estimated else ''}"
            cells = [work.what, name, _number(rate), hours, count, _bytes(found.read), _bytes(found.written)]
            cells += [] if price is None else [_number(found.device_hours * price)]
            yield "| " + " | ".join(cells) + " |"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2g}"


def _bytes(value: float) -> str:
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < 1000:
            return f"{value:.3g} {unit}"
        value /= 1000
    return f"{value:.3g} PB"


@click.command(context_settings={"show_default": True}, help=__doc__)
@click.option("--rates", type=click.Path(path_type=Path, exists=True), default=RATES, help="Your devices.")
@click.option("--price", type=float, help="Of a device hour, in any money.")
def main(rates: Path, price: float | None) -> None:
    for line in table(devices(rates), price):
        click.echo(line)


if __name__ == "__main__":
    main()
