"""`symae health`: ask a server whether it is ready."""

from __future__ import annotations

import functools
from typing import Any

import click

from symae.cli.access import access_options

__all__ = ["health"]


@click.command()
@functools.partial(access_options, timeout=5.0)
@click.argument("address", default="127.0.0.1:50051")
@click.option("--service", default="symae.v1.SymaeService", show_default=True, help="Or a model; empty: the process.")
def health(address: str, service: str, access: Any) -> None:
    """Exit with 0 if the server at ADDRESS serves, with 1 and the reason if not.

    It is quick and needs no model, as the health check of a container should be; the server asks it for no token.

    \b
    Examples:
      symae health 127.0.0.1:50051
      symae health --service photos-autoencoder
    """
    from serve.calling.healthcheck import check_health

    check_health(address, service, access)
    click.echo(f"{service or 'the server'} at {address} serves")
