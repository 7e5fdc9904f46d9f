"""What Prometheus is told: requests from `counts`, runs from `serve.batching.statistics`, both read when it asks.

    symae_requests_total{service,method,model,status}            every request; of a stream, each message
    symae_request_duration_seconds{service,method,model}         from arrival to answer, of those that were answered
    symae_request_phase_seconds{model,phase}                     of these: decode, queue, run, encode
    symae_requests_dropped_total{model,reason}                   queue_full, late (deadline), cancelled (by its caller)
    symae_batch_images{model}  symae_batch_pixels{model}         of each run of the runtime
    symae_batches_total{model,why}                               full, or free: the runtime was, and no more waited
    symae_queue_pixels{model}  symae_queue_limit_pixels{model}   held by requests that are not answered; the most
    symae_model_info{model,version,kind,provider,precision}      1
    symae_model_state{model,version,state}                       1 for the state it is in
    symae_model_ready{model}                                     as its health says
    process_cpu_seconds_total, process_resident_memory_bytes, ...

Counters of runs begin anew when a new version of a model replaces another, as Prometheus expects of any counter.
prometheus_client's own histograms cost several times as much for each request, so only its exposition is used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from serve.catalogue import Catalogue, Served
from serve.observing.counts import PHASES, RequestCounts
from serve.observing.histogram import Histogram

__all__ = ["Metrics"]

IMAGES = tuple(2.0**power for power in range(11))
Labels = tuple[str, ...]


class Metrics:
    """Tells of everything, as a collector of prometheus_client.

    Args:
        models: what is served.
        ready: tells whether requests for a model are taken, by its name.
        counts: gives the requests.
    """

    def __init__(self, models: Catalogue, ready: Callable[[str], bool], counts: Callable[[], RequestCounts]) -> None:
        self._models = models
        self._ready = ready
        self._counts = counts

    def collect(self) -> Iterator[Metric]:
        """Tell everything, on whatever thread."""
        yield from _of_requests(self._counts())
        models = tuple(self._models)
        yield from _of_runs(models)
        yield from _of_queues(models)
        yield from self._of_models(models)

    def _of_models(self, models: Iterable[Served]) -> Iterator[Metric]:
        labels = ("model", "version", "kind", "provider", "precision")
        info = GaugeMetricFamily("symae_model_info", "What is served.", labels=labels)
        ready = GaugeMetricFamily("symae_model_ready", "Whether requests for it are taken.", labels=("model",))
        for model in models:
            about = model.metadata
            info.add_metric((model.name, model.version, about.kind, model.provider, about.precision), 1)
            ready.add_metric((model.name,), float(self._ready(model.name)))
        state = GaugeMetricFamily("symae_model_state", "Versions by state.", labels=("model", "version", "state"))
        for found in dict.fromkeys((one.name, one.version, one.state) for one in self._models.states()):
            state.add_metric(found, 1)
        yield from (info, ready, state)


CALL = ("service", "method")


def _of_requests(counts: RequestCounts) -> Iterator[Metric]:
    requests = CounterMetricFamily("symae_requests", "Requests by how they ended.", labels=(*CALL, "model", "status"))
    for (call, model, code), count in tuple(counts.requests.items()):
        requests.add_metric((*_parts(call), model, code), count)
    yield requests
    durations = [((*_parts(call), model), found) for (call, model), found in tuple(counts.durations.items())]
    yield _histogram("symae_request_duration_seconds", "Answered requests.", (*CALL, "model"), durations)
    phases = [
        ((model, phase), found)
        for model, histograms in tuple(counts.phases.items())
        for phase, found in zip(PHASES, histograms, strict=True)
    ]
    yield _histogram("symae_request_phase_seconds", "Their parts.", ("model", "phase"), phases)


def _of_runs(models: Iterable[Served]) -> Iterator[Metric]:
    images, pixels = list[tuple[Labels, Histogram]](), list[tuple[Labels, Histogram]]()
    left = CounterMetricFamily(
        "symae_batches", "Runs of the runtime, by why no more was waited for.", labels=("model", "why")
    )
    dropped = CounterMetricFamily("symae_requests_dropped", "Requests given up.", labels=("model", "reason"))
    for model in models:
        done = model.statistics
        sizes = Histogram(IMAGES)
        for size, batch in tuple(done.batches.items()):
            sizes.add_many(size, batch.compute_infer.count)
        images.append(((model.name,), sizes))
        pixels.append(((model.name,), done.pixels))
        for why, count in tuple(done.left.items()):
            left.add_metric((model.name, why), count)
        for reason, count in (("queue_full", done.rejected), ("late", done.late), ("cancelled", done.cancelled)):
            dropped.add_metric((model.name, reason), count)
    yield _histogram("symae_batch_images", "Images of each run.", ("model",), images)
    yield _histogram("symae_batch_pixels", "Pixels of each run.", ("model",), pixels)
    yield from (left, dropped)


def _of_queues(models: Iterable[Served]) -> Iterator[Metric]:
    held = GaugeMetricFamily("symae_queue_pixels", "Held by requests that are not answered yet.", labels=("model",))
    limit = GaugeMetricFamily("symae_queue_limit_pixels", "The most that may be held.", labels=("model",))
    for model in models:
        held.add_metric((model.name,), model.batcher.budget.taken)
        limit.add_metric((model.name,), model.batcher.budget.limit)
    yield from (held, limit)


def _histogram(name: str, text: str, labels: Labels, found: Iterable[tuple[Labels, Histogram]]) -> Metric:
    family = HistogramMetricFamily(name, text, labels=labels)
    for values, histogram in found:
        family.add_metric(values, list(histogram.cumulative()), histogram.sum)
    return family


def _parts(call: str) -> tuple[str, str]:
    service, _, method = call.strip("/").rpartition("/")
    return service, method
