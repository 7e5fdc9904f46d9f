"""How fast the device is: training by the share of its arithmetic that it uses, extraction by images a second."""

from __future__ import annotations

import csv
import dataclasses
import shutil
import time
from pathlib import Path
from statistics import median

import numpy as np
import torch

from benchmarks.gpu.options import Options, State
from benchmarks.gpu.plan import SPEED, Task, data_of, shrunk
from benchmarks.lines import Line, table
from export import export_run
from serve.features.extract import ExtractOptions, extract
from serve.features.local import Local
from serve.progress import show_progress
from serve.session import RuntimeOptions, Session, open_only
from symae.device import parse_device
from symae.recipes import Recipe, find
from symae.request import Request
from symae.results import Result, result_of
from symae.train import train

__all__ = ["extraction", "peak", "training"]

FAST = "bf16-mixed"  # the precision whose weights are exported, and whose share of the peak has a target
TARGET = 0.35  # of the device's measured peak, at full size
EPOCHS = 3  # the first one is for warming up
SIDE, SMOKE_SIDE = 8192, 256
BATCH, ROUNDS = 256, 30
BACKWARD = 3  # operations of a training step, in forward passes


def training(task: Task, options: Options) -> list[Result]:
    """Pre-train network 1 for some epochs, in every way that may be fast, and measure them; see `_training_speed`."""
    device = parse_device(options.device)
    top = peak(device.torch, SMOKE_SIDE if options.smoke else SIDE)
    ways = [(FAST, False), (FAST, True), ("32-true", False)]
    results = [_training_speed(task, options, precision, compiled, top) for precision, compiled in ways]
    shares = {result.changes["way"]: result.values["share_of_peak"] / 100 for result in results}
    best = max(shares, key=lambda way: shares[way])
    what = "pre-training network 1: operations of its convolutions over the measured bf16 peak"
    print("\n".join(table([Line("share_of_peak", what, TARGET, True, shares[best], best)])), flush=True)
    return results


def peak(device: torch.device, side: int) -> float:
    """Measure a bfloat16 product of square matrices of random numbers: operations a second, the median of ten."""
    draws = torch.Generator(device).manual_seed(0)
    a, b = (torch.randn(side, side, generator=draws, device=device, dtype=torch.bfloat16) for _ in range(2))
    times = []
    for _ in range(13):
        _wait(device)
        began = time.perf_counter()
        a @ b
        _wait(device)
        times.append(time.perf_counter() - began)
    return float(2 * side**3 / median(times[3:]))


def extraction(task: Task, options: Options) -> list[Result]:
    """Extract features by ONNX Runtime: from files, as `symae embed` does, and from memory, by the model alone."""
    state, device = State(options.state), parse_device(options.device)
    folder = _emptied(state.run(task.name))
    data = str(data_of(find(SPEED), options))
    export_run(state.run("speed-train") / FAST, folder / "models", name="network1")
    provider = "CUDA" if device.torch.type == "cuda" else "CPU"
    results = []
    for tf32 in (False, True) if provider == "CUDA" else (False,):
        session = open_only("encoder", folder / "models", RuntimeOptions((provider,), tf32=tf32))
        session.run((np.zeros((BATCH, 29, 29, 3), np.uint8),), ("embedding",))
        values = {
            "images_per_second": _from_files(session, Path(data), folder / f"{tf32}.parquet"),
            "images_per_second_in_memory": _from_memory(session, 2 if options.smoke else ROUNDS),
        }
        name = f"{session.provider}, {'TF32' if tf32 else 'float32'}"
        run = state.run("speed-train") / FAST
        measured = result_of(run, data, "test", values)
        changes = {"runtime": name}
        results.append(dataclasses.replace(measured, recipe="speed-extract", device=device.describe(), changes=changes))
        print(results[-1], flush=True)
    return results


def _recipe(options: Options) -> Recipe:
    return dataclasses.replace(shrunk(find(SPEED), options), epochs=EPOCHS, milestones=(), validate_every=1000)


def _training_speed(task: Task, options: Options, precision: str, compiled: bool, top: float) -> Result:
    """Images a second, operations of the convolutions a second, and their share of the device's peak."""
    way = f"{precision}, compiled" if compiled else precision
    run = _emptied(State(options.state).run(task.name) / way)
    recipe, data = _recipe(options), data_of(find(SPEED), options)
    settings = (f"precision={precision}",)
    train(Request(recipe, data, run, settings=settings, seed=0, device=options.device, compile=compiled), say=print)
    with (run / "metrics.csv").open(newline="") as rows:
        rate = median(float(row["images_per_second"]) for row in list(csv.DictReader(rows))[1:])
    flops = BACKWARD * rate * recipe.network.flops(recipe.crop, recipe.crop)
    values = {
        "images_per_second": rate,
        "tflops": flops / 1e12,
        "peak_bf16_tflops": top / 1e12,
        "share_of_peak": 100 * flops / top,
    }
    print(way, values, flush=True)
    changes = {"precision": precision, "way": way}
    return dataclasses.replace(result_of(run, str(data), "train", values), recipe="speed-train", changes=changes)


def _from_files(session: Session, images: Path, table: Path) -> float:
    options = ExtractOptions(batch=BATCH, overwrite=True)
    with show_progress("images") as progress:
        began = time.perf_counter()
        written = extract(Local(session), (images,), table, options, progress)
        return written.rows / (time.perf_counter() - began)


def _from_memory(session: Session, rounds: int) -> float:
    images = np.random.default_rng(0).integers(0, 256, (BATCH, 29, 29, 3), np.uint8)
    began = time.perf_counter()
    for _ in range(rounds):
        session.run((images,), ("embedding",))
    return rounds * BATCH / (time.perf_counter() - began)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _emptied(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    return folder
