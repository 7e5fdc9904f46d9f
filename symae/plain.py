"""Values as JSON has them: it knows no number that is not finite."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

__all__ = ["finite", "to_json"]


def finite(value: Any) -> Any:
    """Replace each float in a value that is infinite or no number by None, however deep it lies."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [finite(one) for one in value]
    return value


def to_json(value: Any) -> str:
    """Write a value as one line of JSON that any reader takes."""
    return json.dumps(finite(value), allow_nan=False)
