"""Extraction from JPEG files: against its own halves, against what others do, and in memory.

Photographs are those below SYMAE_PHOTOS, a folder; where that is not set, crops of the photographs that ship with
scikit-image and scikit-learn. The encoder is network 1 as for STL-10 at a quarter of its width, with random weights, on
images brought to 96 and cropped to 89. On a CPU decoding and the model compete for the same cores: if alone they take
d and r seconds of a core for an image, n cores can do no more than n / (d + r), which is the yardstick there; on a GPU
it is the smaller of the two rates. timm's line is skipped where timm is not installed (pip install timm).
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

from torch import Tensor, nn

from benchmarks.lines import Line
from benchmarks.scale_extraction_others import macs, timm_is_here, timm_of_cost, timm_path, torchvision_path
from benchmarks.scale_extraction_rig import (
    SPEC,
    TINY,
    best_batch,
    decoding,
    extracting,
    network,
    running,
    write_encoder,
    write_photographs,
)
from serve.blocks import Fit
from serve.cpu import usable_cpus
from serve.session import RuntimeOptions, Session, open_only
from symae.networks import Encoder, NetworkSpec

__all__ = ["measure"]


class _Pooled(nn.Module):
    """The embedding, as the exported graph computes it, in PyTorch."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, images: Tensor) -> Tensor:
        return self.encoder.feature_map(images, len(self.encoder.spec.full)).mean((2, 3))


ROUNDS, PHOTOGRAPHS = 3, 1000
TELLS_ITS_PEAK = """
import sys
from symae.cli import main
main(sys.argv[1:], standalone_mode=False)
print(*[line for line in open("/proc/self/status") if line.startswith("VmHWM")])
"""
FEW, MANY = 10_000, 100_000


def measure(quick: bool) -> Iterator[Line]:
    """Measure all lines; see the module."""
    with tempfile.TemporaryDirectory() as scratch:
        here = Path(scratch)
        photos, source = _photographs(here, 24 if quick else PHOTOGRAPHS)
        spec = TINY if quick else SPEC
        session = open_only("encoder", write_encoder(here / "models", spec), RuntimeOptions())
        rig = _Rig(session, spec, photos, here / "out.parquet", source, quick)
        yield rig.against_its_halves()
        yield rig.against_torchvision()
        if timm_is_here():
            yield rig.against_timm()
        else:
            print("timm is not installed, so its line is skipped: pip install timm", file=sys.stderr)
        yield _memory(here, *((20, 200) if quick else (FEW, MANY)))


class _Rig:
    """One session, one folder, and rounds of ours and theirs."""

    def __init__(self, session: Session, spec: NetworkSpec, photos: Path, out: Path, source: str, quick: bool) -> None:
        self._session, self._photos, self._out, self._source = session, photos, out, source
        self._encoder, self._rounds = _Pooled(network(spec)), 1 if quick else ROUNDS
        self._workers = (0,) if quick else (0, 1, 2)
        self._paths = sorted(photos.rglob("*.jp*g"))
        fit = Fit.of(session.metadata)
        assert fit is not None
        self._fit, self._batch = fit, best_batch(session, min(len(self._paths), 256))
        self._ours()  # warms up, files into the cache

    def against_its_halves(self) -> Line:
        """Ours over what decoding and the model leave room for."""
        gpu = self._session.provider != "CPUExecutionProvider"
        rounds = []
        for _ in range(self._rounds):
            d, r = decoding(self._paths, self._fit), running(self._session, len(self._paths), self._batch)
            together = usable_cpus() / (d.cost + r.cost)
            rounds.append((self._ours(), d.rate, r.rate, min(d.rate, r.rate) if gpu else together))
        ours, d, r, _ = map(median, zip(*rounds, strict=True))
        note = f"{ours:.0f} images/s; alone, decoding {d:.0f}, the model {r:.0f} at batches of {self._batch}"
        ratio = median(ours / top for ours, _, _, top in rounds)
        bound = "the smaller of raw ONNX Runtime and raw decode" if gpu else "what both, raw, allow on one CPU"
        return Line("extraction", f"extraction over {bound}", 0.9, True, ratio, f"{note}; {self._source}")

    def against_torchvision(self) -> Line:
        """Ours over a DataLoader and eager PyTorch, with the number of workers that suits it best."""
        encoder = self._encoder
        best = max(self._workers, key=lambda workers: torchvision_path(self._paths, encoder, self._batch, workers))
        what = "extraction over a torchvision DataLoader and eager PyTorch, same network and files"
        return self._line(
            "torchvision", what, 1.5, f"{best} workers",
            lambda: torchvision_path(self._paths, encoder, self._batch, best),
        )  # fmt: skip

    def against_timm(self) -> Line:
        """Ours over timm's loader and a network of timm's of no more cost than ours."""
        ours = macs(self._encoder)
        name, theirs = timm_of_cost(ours)
        best = max(self._workers, key=lambda workers: timm_path(self._paths, name, self._batch, workers))
        note = f"{name}, {theirs / 1e6:.0f} million multiplications (ours {ours / 1e6:.0f}), {best} workers"
        what = "extraction over timm's loader with its network of the same cost"
        return self._line("timm", what, 1.0, note, lambda: timm_path(self._paths, name, self._batch, best))

    def _line(self, key: str, what: str, target: float, note: str, other: Callable[[], float]) -> Line:
        rounds = [(self._ours(), other()) for _ in range(self._rounds)]
        ours, theirs = map(median, zip(*rounds, strict=True))
        ratio = median(ours / theirs for ours, theirs in rounds)
        return Line(key, what, target, True, ratio, f"{ours:.0f} and {theirs:.0f} images/s; {note}; {self._source}")

    def _ours(self) -> float:
        return extracting(self._session, self._photos, self._out, self._batch)


def _photographs(here: Path, count: int) -> tuple[Path, str]:
    if given := os.environ.get("SYMAE_PHOTOS"):
        folder = here / "photos"  # the first ones of them
        folder.mkdir()
        for path in sorted(Path(given).rglob("*.jp*g"))[:count]:
            (folder / path.name).symlink_to(path.resolve())
        return folder, f"{len(list(folder.iterdir()))} photographs of SYMAE_PHOTOS"
    return write_photographs(here / "photos", count), f"{count} crops of shipped photographs"


def _memory(here: Path, few: int, many: int) -> Line:
    """Peak memory of `symae embed` for many images over that for few, as a list of small files."""
    small = sorted(write_photographs(here / "small", 100, side=32).iterdir())
    model = write_encoder(here / "tiny", TINY)
    peaks = []
    for count in (few, many):
        names = here / f"{count}.txt"
        names.write_text("".join(f"{small[index % len(small)]}\n" for index in range(count)))
        peaks.append(_peak("embed", model, names, "--out", here / f"{count}.parquet"))
    what = f"memory of extraction at {many:,} images over that at {few:,}"
    note = f"{peaks[1] >> 20} and {peaks[0] >> 20} MiB"
    return Line("memory", what, 1.05, False, peaks[1] / peaks[0], note)


def _peak(*arguments: object) -> int:
    """Run a command of symae and give the most memory that it ever had, in bytes.

    The process itself says it, since what the system tells of a child includes what its parent had when it began.
    """
    command = [sys.executable, "-c", TELLS_ITS_PEAK, *map(str, arguments)]
    told = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    return int(told.split()[-2]) * 1024
