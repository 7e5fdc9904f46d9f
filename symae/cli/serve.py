"""`symae serve`: answer over gRPC."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["serve"]


@click.command()
@click.argument("models", type=click.Path(path_type=Path), required=False)
@click.option("--address", help="HOST:PORT to listen on; port 0 takes a free one.  [default: 127.0.0.1:50051]")
@click.option("--config", "file", type=click.Path(path_type=Path), help="TOML file of limits and choices.")
@click.option("--provider", "providers", multiple=True, help="CUDA, TensorRT, OpenVINO or CPU, in order of preference.")
@click.option("--threads", type=click.IntRange(0), help="Threads of the CPU runtime.  [default: as many as there are]")
@click.option("--verbose", is_flag=True, help="Log what is loaded and answered.")
def serve(
    models: Path | None,
    address: str | None,
    file: Path | None,
    providers: tuple[str, ...],
    threads: int | None,
    verbose: bool,
) -> None:
    """Serve every model of the repository MODELS, the newest version of each, until it is told to stop.

    Without MODELS, the one that comes with symae is served: an auto-encoder for photographs (symae reconstruct --help).

    On SIGTERM or Ctrl-C the calls that were accepted are answered first. What stands in the
    configuration file (address, batch_images, queue_pixels, grace, ...) is overridden by the options here.

    \b
    Example:
      symae serve models/ --address 0.0.0.0:50051
    """
    import logging

    from serve.config import load_config
    from serve.server import load_sessions, serve_until_stopped
    from serve.shipped import about_shipped, shipped_models

    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    overrides = {"address": address, "providers": providers or None, "threads": threads}
    config = load_config(file, overrides)
    if models is None:
        models = shipped_models()
        click.echo(f"serving {about_shipped()}", err=True)
    sessions = load_sessions(models, config)
    for session in sessions:
        click.echo(f"{session.file.name} version {session.file.version}: {session.metadata.kind} on {session.provider}")
    serve_until_stopped(sessions, config, lambda at: click.echo(f"ready on {at}"))
    click.echo("stopped")
