"""Scores of single images, kept as they come, so that a long comparison goes on where it was stopped."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

from serve.files import appears_whole
from symae.denoising import Score

__all__ = ["Case", "Scores"]


@dataclass(frozen=True)
class Case:
    """One image for one method: all that its score depends on.

    Attributes:
        method: its name, with a digest of the weights where it has some.
        data: name of the folder.
        image: the file, relative to the folder.
        sigma: of the noise, on the 0-255 scale.
        seed: of the noise.
        threads: of the CPU; the seconds depend on them.
    """

    method: str
    data: str
    image: str
    sigma: float
    seed: int
    threads: int


class Scores:
    """A .jsonl file with a line for each case; what a killed process wrote by half is dropped."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._scores: dict[Case, Score] = {}
        lines = file.read_text().splitlines(keepends=True) if file.exists() else []
        whole = [line for line in lines if self._take(line)]
        if len(whole) < len(lines):
            with appears_whole(file) as again:
                again.write_text("".join(whole))

    def __contains__(self, case: Case) -> bool:
        return case in self._scores

    def __getitem__(self, case: Case) -> Score:
        return self._scores[case]

    def add(self, case: Case, score: Score) -> None:
        """Keep a score, in memory and on the disk."""
        self._scores[case] = score
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._file.open("a") as lines:
            lines.write(json.dumps({"case": dataclasses.asdict(case), "score": dataclasses.asdict(score)}) + "\n")

    def _take(self, line: str) -> bool:
        try:
            entry = json.loads(line)
            self._scores[Case(**entry["case"])] = Score(**entry["score"])
        except (KeyError, TypeError, ValueError):
            return False
        return line.endswith("\n")
