"""What lies in a watched repository, what of it is served, and what was tried in vain: decides what to do next.

It knows nothing of threads, files or time: it is told what was seen and when.

- A file counts when it has stood still for a while: a plain `cp` is visible long before it is whole.
- The newest version that works is served. One that was refused is not tried again until its file changes.
- What is served stays until another one works, or until nothing is left of it on disk. So a file that is
  overwritten with garbage, or a deleted version whose predecessor is broken, takes nothing away from callers.
- Gone counts like written: only when it was seen for a while, since files are also replaced by `rm` and `cp`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from serve.repository import ModelFile, Stamp

__all__ = ["Found", "Ledger"]

Key = tuple[str, str]


@dataclass(frozen=True)
class Found:
    """A version as it lay on disk at one look."""

    file: ModelFile
    stamp: Stamp

    @property
    def key(self) -> Key:
        """Name and version."""
        return (self.file.name, self.file.version)


class Ledger:
    """The books of one repository.

    Args:
        settle: seconds for which a file must have stood still.
    """

    def __init__(self, settle: float) -> None:
        self._settle = settle
        self._found: dict[str, list[Found]] = {}
        self._since: dict[Key, tuple[Stamp | None, float]] = {}
        self._serving: dict[str, Found] = {}
        self._failed: dict[Key, Stamp] = {}
        self._now = 0.0

    @property
    def names(self) -> list[str]:
        """All models that are served or lie there."""
        return sorted(self._found.keys() | self._serving.keys())

    def look(self, found: Iterable[Found], now: float) -> list[Key]:
        """Take down what lies there.

        Args:
            found: all versions of all models, the newest of each first.
            now: seconds on any clock that does not go back.

        Returns:
            What was refused and is now gone or another file.
        """
        self._now, self._found = now, {}
        stamps: dict[Key, Stamp | None] = {one.key: None for one in self._serving.values()}
        for one in found:
            self._found.setdefault(one.file.name, []).append(one)
            stamps[one.key] = one.stamp
        self._since = {key: self._dated(key, stamp) for key, stamp in stamps.items()}
        stale = [key for key, stamp in self._failed.items() if stamps.get(key) != stamp]
        for key in stale:
            del self._failed[key]
        return stale

    def to_try(self, name: str, *, at_once: bool = False) -> Iterator[Found]:
        """What would be better than what is served, the best first; ask for the next only if one does not work.

        Args:
            name: of the model.
            at_once: take also what may still be written.
        """
        served = self._serving.get(name)
        for one in self._found.get(name, ()):
            if served and not self._gone(served) and int(one.file.version) < int(served.file.version):
                return
            if served == one:
                return
            if self._failed.get(one.key) != one.stamp and (at_once or self._settled(one.key)):
                yield one

    def to_remove(self) -> list[str]:
        """Models that are served and of which no version is left."""
        return [name for name, one in self._serving.items() if name not in self._found and self._gone(one)]

    def served(self, name: str) -> Found | None:
        """What is served under a name."""
        return self._serving.get(name)

    def serves(self, one: Found) -> None:
        """Note that a version is served now, and no other of that name."""
        self._serving[one.file.name] = one
        self._failed.pop(one.key, None)

    def failed(self, one: Found) -> None:
        """Note that a version does not work as it lies there."""
        self._failed[one.key] = one.stamp

    def removed(self, name: str) -> None:
        """Note that a model is served no longer."""
        self._serving.pop(name, None)

    def _dated(self, key: Key, stamp: Stamp | None) -> tuple[Stamp | None, float]:
        before = self._since.get(key)
        return before if before and before[0] == stamp else (stamp, self._now)

    def _settled(self, key: Key) -> bool:
        return self._now - self._since[key][1] >= self._settle

    def _gone(self, served: Found) -> bool:
        return self._since[served.key][0] is None and self._settled(served.key)
