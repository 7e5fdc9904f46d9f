import dataclasses
import math

import pytest

from serve.config import ServeConfig
from serve.errors import ConfigError


def test_defaults_are_valid_and_fixed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        ServeConfig().grace = 1.0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch_images": 0}, "batch_images must be at least 1, got 0"),
        ({"default_deadline": 0}, "default_deadline must be above 0"),
        ({"grace": math.nan}, "grace must be at least 0, got nan"),
        ({"queue_pixels": 5}, "queue_pixels must be at least max_image_pixels"),
        ({"warm_sizes": (0,)}, "warm_sizes must be"),
    ],
)
def test_values_out_of_range(changes, message):
    with pytest.raises(ConfigError, match=message):
        ServeConfig(**changes)
