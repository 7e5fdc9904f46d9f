"""`symae health`: ask a server whether it is ready."""

from __future__ import annotations

import functools
from typing import Any

import click

from symae.cli import voice
from symae.cli.access import access_options

__all__ = ["health"]


@click.command(short_help="Ask a server whether it is ready.")
@functools.partial(access_options, timeout=5.0)
@click.argument("address", default="127.0.0.1:50051")
@click.option("--service", default="symae.v1.SymaeService", show_default=True, help="Or a model; empty: the process.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, also if the answer is no.")
def health(address: str, service: str, as_json: bool, access: Any) -> None:
    """Exit with 0 if the server at ADDRESS serves, with 1 and the reason if not.

    It is quick and needs no model, as the health check of a container should be; the server asks it for no token.

    \b
    Examples:
      symae health 127.0.0.1:50051
      symae health --service photos-autoencoder --json
    """
    from serve.calling.healthcheck import check_health

    if not as_json:
        check_health(address, service, access)
        voice.say(f"{service or 'the server'} at {address} serves")
        return
    from serve.errors import ServeError

    answer = {"address": address, "service": service}
    try:
        check_health(address, service, access)
    except ServeError as error:
        voice.result({**answer, "serves": False, "reason": str(error)})
        raise click.exceptions.Exit(error.exit_code) from None
    voice.result({**answer, "serves": True, "reason": ""})
