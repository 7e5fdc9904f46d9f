"""Which commands there are, in groups and in the order of the work."""

from __future__ import annotations

__all__ = ["GROUPS", "MODULES"]

GROUPS = {  # heading -> command -> module of this package
    "Learn": {
        "recipes": "train",
        "train": "train",
        "evaluate": "train",
        "restoration": "restoration",
        "probe": "probe",
        "report": "report",
    },
    "Look": {
        "compare": "compare",
        "visualize": "visualize",
        "neighbours": "neighbours",
        "projector": "neighbours",
    },
    "Export and serve": {
        "export": "export",
        "serve": "serve",
        "health": "health",
        "bench": "bench",
    },
    "Use": {
        "ui": "ui",
        "sample": "sample",
        "reconstruct": "call",
        "classify": "call",
        "segment": "call",
        "embed": "embed",
    },
    "This machine": {
        "demo": "demo",
        "doctor": "doctor",
        "completion": "completion",
    },
}
MODULES = {name: module for group in GROUPS.values() for name, module in group.items()}
