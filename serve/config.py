"""Every limit and choice of the server in one frozen class.

It is read from a TOML file whose keys are the attributes below; what the command line gives wins.
"""

from __future__ import annotations

import dataclasses
import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from serve.errors import ConfigError

__all__ = ["ServeConfig", "load_config"]

MIB = 1 << 20
# What a key of the file may hold, by the type of its default.
_ACCEPTED: dict[type, Any] = {
    bool: (bool,),
    int: (int,),
    float: (int, float),
    str: (str,),
    tuple: (list, tuple),
}


@dataclass(frozen=True)
class ServeConfig:
    """How a server behaves; the defaults suit one machine and images up to 32 megapixels.

    Attributes:
        address: HOST:PORT to listen on; port 0 takes a free one. 0.0.0.0 for all interfaces.
        max_message_bytes: largest message either way. One raw 1080p RGB image is 6.2 MB.
        max_image_pixels: largest H x W of one image.
        max_request_images: most images in one request.
        batch_images: most images in one run of a model.
        batch_pixels: most pixels in one run of a model, which bounds its memory. A larger image is cut into tiles,
            whose results are those of the whole; a classifier refuses it.
        queue_pixels: most pixels waiting or running for one model, and so most in one request. An image
            counts as 1,024 at least.
        default_deadline: seconds that a request may take whose caller gave no deadline.
        stream_window: requests of one stream that are worked on at a time.
        threads: threads of the CPU runtime and of the decoder; 0: as many as this process may use.
        providers: ONNX Runtime execution providers in order of preference; empty: the best at hand.
        tf32: let NVIDIA GPUs round products to 10 bits of mantissa: faster, differs by about 1e-3.
        warm_sizes: sides in pixels of the square images that every model is run on before it is ready;
            empty: the size it was trained on.
        drain_delay: seconds between saying "not serving" and refusing calls, for balancers to notice.
        grace: seconds that accepted requests get to finish when the server is stopped; what waits then is
            refused. The default ends before the 30 seconds after which Kubernetes and Docker Compose kill.
    """

    address: str = "127.0.0.1:50051"
    max_message_bytes: int = 128 * MIB
    max_image_pixels: int = 1 << 25
    max_request_images: int = 1024
    batch_images: int = 32
    batch_pixels: int = 1 << 20
    queue_pixels: int = 1 << 26
    default_deadline: float = 60.0
    stream_window: int = 8
    threads: int = 0
    providers: tuple[str, ...] = ()
    tf32: bool = False
    warm_sizes: tuple[int, ...] = ()
    drain_delay: float = 0.0
    grace: float = 25.0

    def __post_init__(self) -> None:
        for name in ("max_message_bytes", "max_image_pixels", "max_request_images", "batch_images", "batch_pixels"):
            _at_least(name, getattr(self, name), 1)
        _at_least("stream_window", self.stream_window, 1)
        _at_least("threads", self.threads, 0)
        _at_least("drain_delay", self.drain_delay, 0)
        _at_least("grace", self.grace, 0)
        if self.default_deadline <= 0:
            raise ConfigError(f"default_deadline must be above 0 seconds, got {self.default_deadline}")
        if self.queue_pixels < self.max_image_pixels:
            raise ConfigError(
                f"queue_pixels must be at least max_image_pixels ({self.max_image_pixels}), got {self.queue_pixels}"
            )
        if any(side < 1 for side in self.warm_sizes):
            raise ConfigError(f"warm_sizes must be sides of at least 1 pixel, got {list(self.warm_sizes)}")


def load_config(path: Path | None, overrides: Mapping[str, object]) -> ServeConfig:
    """Read a TOML file and lay the overrides over it.

    Args:
        path: the file; None: the defaults.
        overrides: attribute of `ServeConfig` -> value; None values are passed over.

    Raises:
        ConfigError: the file is missing or no TOML, a key is unknown, or a value of the wrong type or range.
    """
    values: dict[str, Any] = _read(path) if path else {}
    values.update({key: value for key, value in overrides.items() if value is not None})
    known = {field.name: field.default for field in dataclasses.fields(ServeConfig)}
    for key, value in values.items():
        if key not in known:
            nearest = difflib.get_close_matches(key, known, n=1, cutoff=0)[0]
            raise ConfigError(f"unknown option {key!r}, did you mean {nearest!r}?")
        values[key] = _typed(key, value, known[key])
    return ServeConfig(**values)


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read the configuration {path}: {getattr(error, 'strerror', error)}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not TOML: {error}") from error


def _typed(key: str, value: Any, default: Any) -> Any:
    kind = type(default)
    if not isinstance(value, _ACCEPTED[kind]) or (isinstance(value, bool) and kind is not bool):
        raise ConfigError(f"{key} must be of type {kind.__name__}, got {value!r}")
    if kind is tuple:
        item = int if key == "warm_sizes" else str
        if not all(isinstance(entry, item) for entry in value):
            raise ConfigError(f"{key} must be a list of {item.__name__}, got {value!r}")
    return kind(value)


def _at_least(name: str, value: float, least: int) -> None:
    if value < least:
        raise ConfigError(f"{name} must be at least {least}, got {value}")
