"""Certificates and keys as files."""

from __future__ import annotations

from pathlib import Path

from serve.errors import ConfigError

__all__ = ["read_pem"]


def read_pem(path: Path) -> bytes:
    """Read a PEM file.

    Raises:
        ConfigError: it is missing, or holds no PEM.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    if b"-----BEGIN " not in data:
        raise ConfigError(f"{path} is no PEM file: expected one that begins with -----BEGIN")
    return data
