"""Options of the commands that call a server: how it is reached."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

__all__ = ["access_options"]

_OPTIONS = (
    click.option("--token", envvar="SYMAE_TOKEN", default="", help="Bearer token; better in SYMAE_TOKEN than here."),
    click.option("--key", type=click.Path(path_type=Path), help="PEM file: the key of --certificate."),
    click.option("--certificate", type=click.Path(path_type=Path), help="PEM file by which to show who calls."),
    click.option("--root", type=click.Path(path_type=Path), help="PEM file of who signed the server's certificate."),
    click.option("--tls", is_flag=True, help="Encrypt; follows from --root and --certificate."),
)


def access_options(command: Callable[..., Any], *, timeout: float = 600.0) -> Callable[..., Any]:
    """Add the options; the command gets one argument, `access`, in their place.

    Args:
        command: takes `access`.
        timeout: default of --timeout, in seconds.
    """
    seconds = click.option(
        "--timeout", default=timeout, show_default=True, type=click.FloatRange(0.001), help="Seconds a call."
    )

    @functools.wraps(command)
    def call(
        *,
        tls: bool,
        root: Path | None,
        certificate: Path | None,
        key: Path | None,
        token: str,
        timeout: float,
        **rest: Any,
    ) -> Any:
        from serve.channel import Access, Tls

        encrypted = tls or any((root, certificate, key))
        return command(access=Access(Tls(root, certificate, key) if encrypted else None, token, timeout), **rest)

    for add in (seconds, *_OPTIONS):
        call = add(call)
    return call
