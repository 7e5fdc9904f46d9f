"""Every limit and choice of the server in one frozen class. Where the values come from is `serve.options`' business."""

from __future__ import annotations

from dataclasses import dataclass

from serve.errors import ConfigError

__all__ = ["ServeConfig"]

MIB = 1 << 20


@dataclass(frozen=True)
class ServeConfig:
    """How a server behaves; the defaults suit one machine and images up to 32 megapixels.

    What is said of an attribute here is what `symae serve --help` says of its flag.

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
        stuck_after: seconds that work waits and no run begins or ends, after which a model is "not serving" until it
            moves; a run may always take three times as long as the longest before it. 0: never.
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
    stuck_after: float = 60.0
    drain_delay: float = 0.0
    grace: float = 25.0

    def __post_init__(self) -> None:
        for name in ("max_message_bytes", "max_image_pixels", "max_request_images", "batch_images", "batch_pixels"):
            _at_least(name, getattr(self, name), 1)
        _at_least("stream_window", self.stream_window, 1)
        _at_least("threads", self.threads, 0)
        _at_least("stuck_after", self.stuck_after, 0)
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


def _at_least(name: str, value: float, least: int) -> None:
    if not value >= least:  # so that NaN is none
        raise ConfigError(f"{name} must be at least {least}, got {value}")
