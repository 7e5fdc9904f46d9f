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
        ({"tls_key": "key.pem"}, "tls_certificate and tls_key go together"),
        ({"tls_client_ca": "ca.pem"}, "tls_client_ca needs tls_certificate"),
        ({"keepalive_time": 0}, "keepalive_time must be at least 0.01, got 0"),
    ],
)
def test_values_out_of_range(changes, message):
    with pytest.raises(ConfigError, match=message):
        ServeConfig(**changes)


@pytest.mark.parametrize("address", ["0.0.0.0:1", "[::]:1", "10.0.0.1:1", "host:1", "localhost.evil.org:1", ":1"])
def test_tokens_do_not_travel_unencrypted_unless_that_is_asked_for(address):
    with pytest.raises(ConfigError, match="tokens would travel unencrypted to"):
        ServeConfig(address=address, tokens="tokens")
    assert ServeConfig(address=address, tokens="tokens", plaintext_tokens=True)
    assert ServeConfig(address=address, tokens="tokens", tls_certificate="a.pem", tls_key="a.key")


@pytest.mark.parametrize("address", ["localhost:1", "127.0.0.1:1", "127.1.2.3:1", "[::1]:1"])
def test_tokens_may_stay_on_this_machine(address):
    assert ServeConfig(address=address, tokens="tokens")
