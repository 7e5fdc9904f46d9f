"""Leave PyTorch: trained networks to verified ONNX graphs in a model repository."""

from export.run import Exported, export_run

__all__ = ["Exported", "export_run"]
