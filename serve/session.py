"""One model in ONNX Runtime: arrays in, arrays out. How the runtime is set up is `serve.providers`' business."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from serve.batching.waiting import BatchLimits
from serve.captured import Captured, counts_up_to, uncaptured
from serve.errors import FaultError, RepositoryError
from serve.memory import shrink_arena, trim_heap
from serve.metadata import KEY, Kind, MetadataError, ModelMetadata
from serve.providers import RuntimeOptions, nodes_by_provider, open_runtime
from serve.repository import ModelFile, find_models
from serve.runtime_options import CUDA

__all__ = ["INPUTS", "OUTPUTS", "RuntimeOptions", "Session", "open_only", "open_session"]

INPUTS = dict.fromkeys(("encoder", "classifier", "segmenter"), ("image",)) | {"autoencoder": ("image", "mask")}
OUTPUTS = {
    "autoencoder": ("reconstruction",),
    "encoder": ("embedding", "feature_map"),
    "classifier": ("probabilities",),
    "segmenter": ("labels", "probabilities"),
}
Array = NDArray[Any]
log = logging.getLogger(__name__)


class Session:
    """A loaded model. `run` may be called from any thread, one call at a time runs.

    Attributes:
        file: what was loaded.
        metadata: what the model says about itself.
        nodes: how many of the graph's nodes each execution provider runs; empty where ONNX Runtime does not tell.
        provider: the execution provider that runs the most of it.
    """

    def __init__(
        self, runtime: Any, file: ModelFile, metadata: ModelMetadata, captured: Captured | None = None
    ) -> None:
        self.file = file
        self.metadata = metadata
        self.nodes = nodes_by_provider(runtime)
        self.provider: str = max(self.nodes, key=self.nodes.__getitem__) if self.nodes else runtime.get_providers()[0]
        self._runtime = runtime
        self._captured = captured
        self._plainly = uncaptured() if captured else None
        self._inputs = INPUTS[metadata.kind]
        self._one_at_a_time = threading.Lock()

    def run(self, inputs: Sequence[Array], outputs: Sequence[str]) -> tuple[Array, ...]:
        """Run the model once.

        Args:
            inputs: image (N, H, W, C) uint8, and for an auto-encoder mask (N, H, W) uint8.
            outputs: names of the arrays to compute, out of `OUTPUTS` of the model's kind.

        Returns:
            One array for each name, its first axis N.

        Raises:
            FaultError: the runtime failed, or gave back another number of images.
        """
        feed = dict(zip(self._inputs, inputs, strict=True))
        try:
            with self._one_at_a_time:
                if self._runtime is None:
                    raise RuntimeError("it is closed")
                results = self._captured.run(inputs, outputs) if self._captured else None
                if results is None:
                    results = self._runtime.run(list(outputs), feed, self._plainly)
        except Exception as error:  # the runtime's exceptions share no base class
            raise FaultError(f"model {self.file.name!r} failed on {inputs[0].shape}: {error}") from error
        count = len(inputs[0])
        if any(len(result) != count for result in results):
            raise FaultError(f"model {self.file.name!r} gave {[len(r) for r in results]} results for {count} images")
        return tuple(results)

    def warm_up(self, sides: Sequence[int], limits: BatchLimits) -> None:
        """Run on black square images, alone and as many as go together, so that no caller pays for a first run.

        Args:
            sides: in pixels; empty: the size that the model was trained on.
            limits: what one run may hold.
        """
        for side in sides or (self.metadata.crop,):
            room = limits.room(side * side)
            for count in counts_up_to(room) if self._captured else sorted({1, room}):
                if self._captured:
                    self._captured.add(count, side, side)
                self.run(self._black(count, side), OUTPUTS[self.metadata.kind])

    def close(self) -> None:
        """Give its memory back, after the run that may be under way; later runs fail. May be called again."""
        with self._one_at_a_time:
            runtime, self._runtime, self._captured = self._runtime, None, None
        if runtime is None:
            return
        feed = dict(zip(self._inputs, self._black(1, 1), strict=True))
        shrink_arena(runtime, list(OUTPUTS[self.metadata.kind][:1]), feed)
        del runtime
        trim_heap()

    def _black(self, count: int, side: int) -> tuple[Array, ...]:
        image = np.zeros((count, side, side, self.metadata.channels), np.uint8)
        return (image, np.zeros(image.shape[:3], np.uint8))[: len(self._inputs)]


def open_session(file: ModelFile, options: RuntimeOptions) -> Session:
    """Load a model on the best provider that works.

    Raises:
        RepositoryError: the file is damaged, or no model that `symae export` wrote.
        ConfigError: a provider is named that this ONNX Runtime does not have.
    """
    started = time.perf_counter()
    runtime = open_runtime(file, options)
    try:
        metadata = ModelMetadata.from_json(runtime.get_modelmeta().custom_metadata_map[KEY])
    except KeyError:
        raise RepositoryError(f"{file.path} is no symae model: it has no metadata; write it by symae export") from None
    except MetadataError as error:
        raise RepositoryError(f"{file.path}: {error}") from error
    _check_names(file, metadata, runtime)
    session = Session(runtime, file, metadata, _captured(runtime, metadata))
    log.info(
        "loaded %s version %s (%s) on %s%s in %.2f s",
        file.name, file.version, metadata.kind, session.provider, _shares(session), time.perf_counter() - started,
    )  # fmt: skip
    return session


def open_only(kind: Kind, path: Path, options: RuntimeOptions) -> Session:
    """Load the one model of a kind.

    Args:
        kind: what is needed.
        path: a repository, the folder of one model, or one .onnx file.
        options: what the session is made with.

    Raises:
        RepositoryError: nothing is there, or not exactly one of that kind.
        ConfigError: a provider is named that is not there.
    """
    sessions = [open_session(file, options) for file in find_models(path)]
    found = [session for session in sessions if session.metadata.kind == kind]
    if len(found) != 1:
        have = ", ".join(f"{session.file.name} ({session.metadata.kind})" for session in found or sessions)
        raise RepositoryError(f"expected exactly one {kind} in {path}, it has {have}: give the folder of one model")
    return found[0]


def _captured(runtime: Any, metadata: ModelMetadata) -> Captured | None:
    cuda = runtime.get_provider_options().get(CUDA, {})
    if cuda.get("enable_cuda_graph") != "1":
        return None
    return Captured(runtime, metadata, "cuda", int(cuda.get("device_id", 0)))


def _shares(session: Session) -> str:
    """Say who runs how much, where it is more than one."""
    if len(session.nodes) < 2:
        return ""
    return f" ({', '.join(f'{count} nodes on {name}' for name, count in session.nodes.most_common())})"


def _check_names(file: ModelFile, metadata: ModelMetadata, runtime: Any) -> None:
    got = (tuple(i.name for i in runtime.get_inputs()), tuple(o.name for o in runtime.get_outputs()))
    expected = (INPUTS[metadata.kind], OUTPUTS[metadata.kind])
    if tuple(map(set, got)) != tuple(map(set, cast(Any, expected))):
        raise RepositoryError(
            f"{file.path}: a model of kind {metadata.kind} maps {expected[0]} to {expected[1]}, got {got}"
        )
