"""Triton's `onnxruntime` backend in Python, for a Triton that was built without its own.

Triton takes a folder BACKENDS/onnxruntime with a model.py for the backend that `platform: "onnxruntime_onnx"` means,
and so serves a repository of `symae export` unchanged. It runs on the CPU. NVIDIA's full Triton image has this
backend in C++, which is faster and knows GPUs: there nothing of this folder is needed.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # read at the import

import numpy as np
import onnxruntime
import triton_python_backend_utils as triton


class TritonPythonModel:
    """One instance of one model; the name and the methods are what Triton calls."""

    def initialize(self, args: dict[str, str]) -> None:
        """Load REPOSITORY/NAME/VERSION/model.onnx."""
        options = onnxruntime.SessionOptions()
        options.enable_mem_pattern = False  # shapes are open
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        path = Path(args["model_repository"], args["model_version"], "model.onnx")
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self._inputs = [value.name for value in self._session.get_inputs()]

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        """Answer the requests that Triton has put together, in their order; those of one shape in one run."""
        groups: dict[Any, list[int]] = {}
        feeds = [self._feed(request) for request in requests]
        for index, (request, feed) in enumerate(zip(requests, feeds, strict=True)):
            key = (tuple(request.requested_output_names()), *(array.shape[1:] for array in feed))
            groups.setdefault(key, []).append(index)
        responses: list[Any] = [None] * len(requests)
        for (names, *_), members in groups.items():
            answers = self._run(list(names), [feeds[index] for index in members])
            for index, response in zip(members, answers, strict=True):
                responses[index] = response
        return responses

    def _feed(self, request: Any) -> list[Any]:
        return [triton.get_input_tensor_by_name(request, name).as_numpy() for name in self._inputs]

    def _run(self, names: list[str], feeds: list[list[Any]]) -> list[Any]:
        columns = zip(*feeds, strict=True)
        joined = {name: np.concatenate(arrays) for name, arrays in zip(self._inputs, columns, strict=True)}
        try:
            outputs = self._session.run(names, joined)
        except Exception as error:
            return [triton.InferenceResponse(error=triton.TritonError(str(error))) for _ in feeds]
        edges = np.cumsum([len(feed[0]) for feed in feeds])[:-1]
        rows = zip(*(np.split(output, edges) for output in outputs), strict=True)
        return [triton.InferenceResponse(list(map(triton.Tensor, names, row))) for row in rows]
