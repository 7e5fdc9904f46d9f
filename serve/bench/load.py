"""What is asked of whom, how often: the payload of a call, and the load of many."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from serve.calling.requests import classify_request, embed_request, reconstruct_request, segment_request
from serve.channel import SERVICE
from serve.errors import JobError
from serve.metadata import Kind

__all__ = ["ENCODINGS", "Encoding", "Load", "Payload"]

Encoding = Literal["raw", "jpeg", "png"]
ENCODINGS: tuple[Encoding, ...] = ("raw", "jpeg", "png")
DISTINCT = 8  # requests that are sent in turn, so that no cache of the processor holds the only one
GRAIN = 8  # pixels between the knots of the pictures: detail as in a photograph, so that JPEG has its usual size
_CALLS = {
    "autoencoder": ("Reconstruct", reconstruct_request),
    "encoder": ("Embed", embed_request),
    "classifier": ("Classify", classify_request),
    "segmenter": ("Segment", segment_request),
}


@dataclass(frozen=True)
class Payload:
    """What each call carries.

    Attributes:
        kind: of the model; it fixes the call.
        model: its name.
        height, width, channels: of the images.
        images: in one request.
        encoding: how they travel to the server.
    """

    kind: Kind
    model: str
    height: int
    width: int
    channels: int = 3
    images: int = 1
    encoding: Encoding = "raw"

    @property
    def method(self) -> str:
        """Name of the call."""
        return _CALLS[self.kind][0]

    @property
    def path(self) -> str:
        """The call as gRPC names it."""
        return f"/{SERVICE}/{self.method}"

    def pictures(self, seed: int = 0) -> list[NDArray[np.uint8]]:
        """Draw smooth random images with some grain, (H, W, C) each; the same seed, the same images."""
        rng = np.random.default_rng(seed)
        shape = (-(-self.height // GRAIN) + 1, -(-self.width // GRAIN) + 1, 3)
        return [self._picture(rng, shape) for _ in range(self.images)]

    def requests(self) -> list[Any]:
        """Build some distinct requests."""
        build: Any = _CALLS[self.kind][1]
        return [build([self._sent(p) for p in self.pictures(seed)], model=self.model) for seed in range(DISTINCT)]

    def _picture(self, rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.uint8]:
        knots = Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8))
        smooth = knots.resize((self.width, self.height), Image.Resampling.BICUBIC)
        grainy = np.asarray(smooth, np.int16) + rng.integers(-8, 9, (self.height, self.width, 3), dtype=np.int16)
        return np.ascontiguousarray(grainy.clip(0, 255).astype(np.uint8)[:, :, : self.channels])

    def _sent(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8] | bytes:
        if self.encoding == "raw":
            return picture
        file = io.BytesIO()
        Image.fromarray(picture.squeeze(-1) if self.channels == 1 else picture).save(file, self.encoding, quality=90)
        return file.getvalue()


@dataclass(frozen=True)
class Load:
    """How often it is called.

    Attributes:
        callers: in a closed loop, of whom each calls again as soon as it is answered; of an open loop, not used.
        rate: of an open loop, calls a second, whatever comes back; 0: closed loop.
        poisson: calls of an open loop come at random, as those of independent callers do; False: evenly.
        seconds: that are measured.
        warm_up: seconds of the same load before them.
        deadline: seconds that each call may take.
        connections: that the callers share; a server of several fronts needs several.
    """

    callers: int = 1
    rate: float = 0.0
    poisson: bool = True
    seconds: float = 5.0
    warm_up: float = 1.0
    deadline: float = 60.0
    connections: int = 1

    def __post_init__(self) -> None:
        for name in ("callers", "connections"):
            if getattr(self, name) < 1:
                raise JobError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("seconds", "deadline"):
            if not getattr(self, name) > 0:
                raise JobError(f"{name} must be above 0, got {getattr(self, name)}")
        if self.rate < 0 or self.warm_up < 0:
            raise JobError(f"rate and warm-up must not be negative, got {self.rate} and {self.warm_up}")

    @property
    def total(self) -> float:
        """Seconds in all."""
        return self.warm_up + self.seconds

    def schedule(self, seed: int = 0) -> NDArray[np.float64]:
        """Draw when the calls of an open loop are due, in seconds from the start."""
        count = max(1, round(self.rate * self.total))
        if not self.poisson:
            return np.arange(count) / self.rate
        return np.random.default_rng(seed).exponential(1 / self.rate, count).cumsum()
