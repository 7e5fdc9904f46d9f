"""`symae serve`: answer over gRPC."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from symae.cli import voice

if TYPE_CHECKING:
    from serve.config import ServeConfig
    from serve.options import Option

__all__ = ["serve"]


class _Serve(click.Command):
    """A command with a flag for every key of the configuration, listed when it is asked for."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Add those flags to the ones that are declared below."""
        from serve.options import options

        flags = [
            click.Option(
                [option.flag, *_ALSO.get(option.key, ())],
                multiple=option.is_list,
                metavar=_METAVARS.get(option.kind),
                help=_help(option),
            )
            for option in options()
        ]
        return [*super().get_params(ctx), *flags]


_ALSO = {"providers": ("--provider",)}  # as `symae embed` calls it
_METAVARS = {"int": "INTEGER", "float": "NUMBER", "bool": "true|false"}


def _help(option: Option) -> str:
    text = option.text[:1].upper() + option.text[1:]
    return f"{text}  [default: {option.shown}]" if option.shown else text


@click.command(cls=_Serve, short_help="Serve models over gRPC.")
@click.argument("models", type=click.Path(path_type=Path), required=False)
@click.option(
    "--config",
    "file",
    type=click.Path(path_type=Path),
    envvar="SYMAE_SERVE_CONFIG",
    help="TOML file whose keys are the flags below; also from SYMAE_SERVE_CONFIG.",
)
@click.option("--print-config", is_flag=True, help="Print the configuration, and where each value is from; then end.")
def serve(models: Path | None, file: Path | None, print_config: bool, **flags: str | tuple[str, ...] | None) -> None:
    """Serve every model of the repository MODELS, the newest version of each that works, until it is told to stop.

    New versions and models are taken up, and deleted ones given up, while it runs and without a lost request
    (--watch-seconds; SIGHUP makes it look at once).

    Without MODELS, the one that comes with symae is served: an auto-encoder for photographs (symae reconstruct --help).

    On SIGTERM or Ctrl-C the calls that were accepted are answered first.

    Each flag that follows --help is also a key of the configuration file (batch_images = 8) and a variable of the
    environment (SYMAE_SERVE_BATCH_IMAGES=8). A flag wins over the environment, that over the file.
    Lists are separated by commas.

    \b
    Examples:
      symae serve models/ --address 0.0.0.0:50051
      symae serve models/ --config serve.toml --print-config
    """
    from serve.stopping import stoppable

    click.get_current_context().with_resource(stoppable())
    from serve.options import resolve

    given = {
        key: ",".join(text) if isinstance(text, tuple) else text
        for key, text in flags.items()
        if text not in (None, ())
    }
    if voice.level():
        given.setdefault("log_level", "debug" if voice.level() > 0 else "error")
    resolved = resolve(file, os.environ, given)
    if print_config:
        click.echo(resolved.to_toml(), nl=False)
        return

    from serve.observing.logs import configure
    from serve.shipped import about_shipped, shipped_models

    configure(resolved.config.log_level, resolved.config.log_format)
    if models is None:
        models = shipped_models()
        voice.note(f"serving {about_shipped()}")
    _serve(models, resolved.config)
    voice.say("stopped")


def _serve(models: Path, config: ServeConfig) -> None:
    def ready(address: str) -> None:
        click.echo(f"ready on {address}")

    from serve.protocol.listening import Listener

    Listener.of(config)  # what is wrong with its files is said before anything is loaded
    if config.processes:
        from serve.fronts.supervisor import serve_with_fronts

        serve_with_fronts(models, config, ready, told=voice.say)
        return

    from serve.lifecycle.watch import Watch
    from serve.server import serve_until_stopped

    watch = Watch(models, config)
    sessions = watch.load()
    for session in sessions:
        voice.say(f"{session.file.name} version {session.file.version}: {session.metadata.kind} on {session.provider}")
    serve_until_stopped(sessions, config, ready, watch)
