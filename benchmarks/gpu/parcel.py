"""The state of a session as a few files of bounded size, to be carried from one machine to another."""

from __future__ import annotations

import tarfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.gpu.options import State
from benchmarks.gpu.plan import Task
from symae.errors import InputError

__all__ = ["Parcel", "pack", "unpack"]

PART = "state.tar"
BLOCK = 512  # a tar's; every file is filled up to whole ones, with one before it
SMALL = ("recipe.json", "metrics.csv")


@dataclass(frozen=True)
class Parcel:
    """What was packed, in bytes, and what there was no room for."""

    size: int
    left_behind: tuple[Path, ...]


def pack(state: Path, plan: Sequence[Task], out: Path, *, limit: int, part: int) -> Parcel:
    """Write what the next sitting needs into `out`, as state.tar.00, state.tar.01 and so on.

    What is done and measured comes first; then the weights that unfinished trainings start from; then what
    trainings under way go on from; then other weights, pre-trainings first. Once there is no room for a file,
    smaller ones may still find some.

    Args:
        state: the state folder.
        plan: tells what is unfinished.
        out: the folder to write to; an older parcel there goes.
        limit: most bytes of all parts together.
        part: most bytes of each, > 0.
    """
    for old in _parts(out):
        old.unlink()
    room, left_behind = limit - 20 * BLOCK, []
    whole = out / f".{PART}.partial"
    with tarfile.open(whole, "w") as archive:
        for file in dict.fromkeys(_wanted(State(state), plan)):
            size = -(-file.stat().st_size // BLOCK) * BLOCK + 3 * BLOCK
            if size > room:
                left_behind.append(file)
                continue
            room -= size
            archive.add(file, file.relative_to(state))
    size = whole.stat().st_size
    _cut(whole, out, part)
    return Parcel(size, tuple(left_behind))


def unpack(parcel: Path, state: Path) -> None:
    """Bring a parcel's files into a state folder that has nothing newer.

    Raises:
        InputError: no parcel is there, or the state folder has begun already.
    """
    parts = _parts(parcel)
    if not parts:
        raise InputError(f"{parcel} has no {PART}.00: give the folder that --pack wrote to")
    if (state / "done").exists() or (state / "runs").exists():
        raise InputError(f"{state} has runs already: unpack into a new --state, or leave --unpack out")
    state.mkdir(parents=True, exist_ok=True)
    whole = state / f".{PART}.partial"
    with whole.open("wb") as file:
        for part in parts:
            file.write(part.read_bytes())
    with tarfile.open(whole) as archive:
        archive.extractall(state, filter="data")
    whole.unlink()


def _parts(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"{PART}.[0-9][0-9]"))


def _cut(whole: Path, out: Path, part: int) -> None:
    with whole.open("rb") as file:
        number = 0
        while chunk := file.read(part):
            (out / f"{PART}.{number:02}").write_bytes(chunk)
            number += 1
    whole.unlink()


def _wanted(state: State, plan: Sequence[Task]) -> Iterator[Path]:
    """The files to be packed, the most important first."""
    yield from (path for folder in ("done", "spent") for path in _files(state.path / folder, "*"))
    yield from (path for name in SMALL for path in _files(state.path / "runs", f"*/{name}"))
    trainings = [task for task in plan if task.kind == "train"]
    unfinished = [task for task in trainings if not state.done(task.name)]
    for task in unfinished:
        yield from (file for name in task.after for file in _weights(state, name))
    for task in unfinished:
        yield from (*_files(state.run(task.name), "last.ckpt"), *_weights(state, task.name))
    for pretraining in (True, False):
        for task in trainings:
            if task.recipe is not None and (task.recipe.stage == "pretrain") == pretraining:
                yield from _weights(state, task.name)
    yield from _files(state.path / "runs", "*/preview.png")


def _weights(state: State, task: str) -> Iterable[Path]:
    return _files(state.run(task), "model.safetensors")


def _files(folder: Path, pattern: str) -> list[Path]:
    return sorted(path for path in folder.glob(pattern) if path.is_file() and not path.name.startswith("."))
