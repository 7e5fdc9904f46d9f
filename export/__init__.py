"""Leave PyTorch: trained networks to verified ONNX graphs in a model repository."""

import serve.metadata  # noqa: F401 - `serve` has to come before ONNX Runtime, which sends telemetry unless it is told
from export.run import Exported, export_run

__all__ = ["Exported", "export_run"]
