"""Every limit and choice of the server in one frozen class. Where the values come from is `serve.options`' business."""

from __future__ import annotations

import ipaddress
import sys
from dataclasses import dataclass

from serve.errors import ConfigError
from serve.observing.logs import FORMATS, LEVELS

__all__ = ["ServeConfig", "is_loopback"]

MIB = 1 << 20


@dataclass(frozen=True)
class ServeConfig:
    """How a server behaves; the defaults suit one machine and images up to 32 megapixels.

    What is said of an attribute here is what `symae serve --help` says of its flag.

    Attributes:
        address: HOST:PORT to listen on; port 0 takes a free one. 0.0.0.0 for all interfaces.
        health_address: HOST:PORT of a port for health alone, which no flood of calls fills, and which is never
            encrypted: for probes. Empty: health is asked at `address` only, where it always is.
        metrics_address: HOST:PORT where Prometheus gets /metrics by HTTP; empty: nowhere.
        traces: send OpenTelemetry traces of the requests; also switched on, where symae[otel] is installed, by
            OTEL_EXPORTER_OTLP_ENDPOINT, which says where to, as the other variables of OpenTelemetry say the rest.
        log_level: debug, info, warning or error; info has a line for every request.
        log_format: text, or json for one object a line.
        tls_certificate: PEM file of the server's certificate, followed by those that lead to a root; empty: nothing
            is encrypted. These files are read again when they change.
        tls_key: PEM file of its key, not encrypted.
        tls_client_ca: PEM file of authorities; callers must show a certificate that one of them signed.
            Empty: they need none.
        tokens: file of bearer tokens, one a line, # begins a comment; callers must send one of them, except for
            health and reflection. It is read again when it changes. Empty: callers need none.
        plaintext_tokens: let tokens travel unencrypted to an address that other machines reach; for servers
            behind a proxy that encrypts.
        keepalive_time: seconds of silence after which a caller is asked whether it is still there.
        keepalive_timeout: seconds it gets to answer; then its connection is closed and its calls are given up.
        max_connection_age: seconds after which a connection is closed once its calls are answered, so that callers
            spread over new servers; 0: never.
        max_connection_age_grace: seconds that those calls get.
        max_connection_idle: seconds without a call after which a connection is closed; 0: never.
        max_message_bytes: largest message either way. One raw 1080p RGB image is 6.2 MB.
        max_image_pixels: largest H x W of one image.
        max_request_images: most images in one request.
        batch_images: most images in one run of a model.
        batch_pixels: most pixels in one run of a model, which bounds its memory. A larger image is cut into tiles,
            whose results are those of the whole; a classifier refuses it.
        queue_pixels: most pixels waiting or running for one model, and so most in one request. An image
            counts as 1,024 at least.
        connection_calls: calls of one connection that are under way at a time; its client holds back the others, so
            that a caller may make thousands at once.
        pending_calls: calls of all connections that may wait to be looked at. When they come faster than this process
            can take them, gRPC itself drops what is beyond, at random up to a quarter above it; the callers see
            CANCELLED. Otherwise it would answer each a moment after its deadline. More is kinder to many callers who
            call at the same moment, less to callers in an overload that lasts.
        default_deadline: seconds that a request may take whose caller gave no deadline.
        stream_window: requests of one stream that are worked on at a time.
        threads: threads of the CPU runtime and of the decoder; 0: as many as this process may use.
        providers: ONNX Runtime execution providers in order of preference, none but these; empty: the best at hand,
            and the CPU where that does not start.
        tf32: let NVIDIA GPUs round products to 10 bits of mantissa: faster, differs by about 1e-3.
        gpu_bytes: most memory of an NVIDIA GPU that one model may take for what it computes; 0: no limit. A model that
            is replaced takes it twice for a moment.
        cuda_graphs: let CUDA replay the runs of warm_sizes as a whole, which saves the time of launching their parts;
            batches are filled up to the next power of two.
        tensorrt_fp16: let TensorRT, where it is among the providers, compute in half precision.
        tensorrt_cache: folder that keeps TensorRT's engines from start to start; empty: each start builds them.
        openvino_cache: folder that keeps OpenVINO's compiled models; empty: each start compiles them.
        warm_sizes: sides in pixels of the square images that every model is run on before it is ready;
            empty: the size it was trained on.
        watch_seconds: seconds between two looks for new, changed and deleted models; 0: what is loaded stays.
        stuck_after: seconds that work waits and no run begins or ends, after which a model is "not serving" until it
            moves; a run may always take three times as long as the longest before it. 0: never.
        devices: numbers of the GPUs to use, one process for each; empty: the first one.
        fronts: processes that take calls, decode, and hand pixels to the process of the device. One, the default, is
            that process itself.
        front_bytes: shared memory of each front where there are several processes; what is not used costs nothing.
        drain_delay: seconds between saying "not serving" and refusing calls, for balancers to notice.
        grace: seconds that accepted requests get to finish when the server is stopped; what waits then is
            refused. The default ends before the 30 seconds after which Kubernetes and Docker Compose kill.
    """

    address: str = "127.0.0.1:50051"
    health_address: str = ""
    metrics_address: str = ""
    traces: bool = False
    log_level: str = "warning"
    log_format: str = "text"
    tls_certificate: str = ""
    tls_key: str = ""
    tls_client_ca: str = ""
    tokens: str = ""
    plaintext_tokens: bool = False
    keepalive_time: float = 60.0
    keepalive_timeout: float = 20.0
    max_connection_age: float = 0.0
    max_connection_age_grace: float = 60.0
    max_connection_idle: float = 0.0
    max_message_bytes: int = 128 * MIB
    max_image_pixels: int = 1 << 25
    max_request_images: int = 1024
    batch_images: int = 32
    batch_pixels: int = 1 << 20
    queue_pixels: int = 1 << 26
    connection_calls: int = 100
    pending_calls: int = 128
    default_deadline: float = 60.0
    stream_window: int = 8
    threads: int = 0
    providers: tuple[str, ...] = ()
    tf32: bool = False
    gpu_bytes: int = 0
    cuda_graphs: bool = False
    tensorrt_fp16: bool = False
    tensorrt_cache: str = ""
    openvino_cache: str = ""
    warm_sizes: tuple[int, ...] = ()
    watch_seconds: float = 2.0
    stuck_after: float = 60.0
    devices: tuple[int, ...] = ()
    fronts: int = 1
    front_bytes: int = 512 * MIB
    drain_delay: float = 0.0
    grace: float = 25.0

    def __post_init__(self) -> None:
        for name in ("max_message_bytes", "max_image_pixels", "max_request_images", "batch_images", "batch_pixels"):
            _at_least(name, getattr(self, name), 1)
        for name in ("keepalive_time", "keepalive_timeout"):
            _at_least(name, getattr(self, name), 0.01)
        for name in ("max_connection_age", "max_connection_age_grace", "max_connection_idle"):
            _at_least(name, getattr(self, name), 0)
        _one_of("log_level", self.log_level, LEVELS)
        _one_of("log_format", self.log_format, FORMATS)
        self._check_security()
        _at_least("connection_calls", self.connection_calls, 1)
        _at_least("pending_calls", self.pending_calls, 1)
        _at_least("stream_window", self.stream_window, 1)
        _at_least("threads", self.threads, 0)
        _at_least("fronts", self.fronts, 1)
        _at_least("front_bytes", self.front_bytes, MIB)
        _at_least("gpu_bytes", self.gpu_bytes, 0)
        _at_least("watch_seconds", self.watch_seconds, 0)
        _at_least("stuck_after", self.stuck_after, 0)
        _at_least("drain_delay", self.drain_delay, 0)
        _at_least("grace", self.grace, 0)
        if self.default_deadline <= 0:
            raise ConfigError(f"default_deadline must be above 0 seconds, got {self.default_deadline}")
        if self.queue_pixels < self.max_image_pixels:
            raise ConfigError(
                f"queue_pixels must be at least max_image_pixels ({self.max_image_pixels}), got {self.queue_pixels}"
            )
        if any(number < 0 for number in self.devices) or len(set(self.devices)) != len(self.devices):
            raise ConfigError(f"devices must be different numbers from 0 on, got {list(self.devices)}")
        if self.processes and sys.platform != "linux":
            raise ConfigError("several fronts or devices need Linux: leave them out, and start a server for each")
        if any(side < 1 for side in self.warm_sizes):
            raise ConfigError(f"warm_sizes must be sides of at least 1 pixel, got {list(self.warm_sizes)}")

    @property
    def processes(self) -> bool:
        """Whether it takes more than one process."""
        return self.fronts > 1 or len(self.devices) > 1

    @property
    def device(self) -> int:
        """Number of the GPU of a process that has one."""
        return self.devices[0] if self.devices else 0

    def _check_security(self) -> None:
        if bool(self.tls_certificate) != bool(self.tls_key):
            raise ConfigError("tls_certificate and tls_key go together: give both or neither")
        if self.tls_client_ca and not self.tls_certificate:
            raise ConfigError("tls_client_ca needs tls_certificate and tls_key: only an encrypted caller can show one")
        if self.tokens and not (self.tls_certificate or self.plaintext_tokens or is_loopback(self.address)):
            raise ConfigError(
                f"tokens would travel unencrypted to {self.address}: give tls_certificate and tls_key, or, behind a "
                "proxy that encrypts, plaintext_tokens = true"
            )


def is_loopback(address: str) -> bool:
    """Tell whether HOST:PORT can be reached from this machine alone; of names, "localhost" is the one that can."""
    host = address.rpartition(":")[0].strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _one_of(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ConfigError(f"{name} must be one of {', '.join(choices)}, got {value!r}")


def _at_least(name: str, value: float, least: float) -> None:
    if not value >= least:  # so that NaN is none
        raise ConfigError(f"{name} must be at least {least}, got {value}")
