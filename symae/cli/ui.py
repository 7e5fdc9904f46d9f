"""`symae ui`: a web page to try models on pictures."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import click

from symae.cli import voice
from symae.cli.access import access_options

__all__ = ["ui"]


@click.command(short_help="Try models on pictures in a browser.")
@click.argument("models", type=click.Path(path_type=Path), required=False)
@click.option("--address", help="HOST:PORT of a server to call, in place of MODELS.")
@click.option("--features", type=click.Path(path_type=Path), help="Table of symae embed, to look for neighbours in.")
@click.option("--samples", type=click.Path(path_type=Path), help="Folder of pictures to offer at a click.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Where the page is; 0.0.0.0: for other machines.")
@click.option("--port", default=7860, show_default=True, type=click.IntRange(0, 65535), help="0: a free one.")
@access_options
def ui(
    models: Path | None,
    address: str | None,
    features: Path | None,
    samples: Path | None,
    host: str,
    port: int,
    access: Any,
) -> None:
    """Open a web page to restore, inpaint, segment, classify and compare pictures with MODELS.

    MODELS is a model repository, which is served from this process; or --address names a server. With neither,
    demo/models is served if symae demo has made it here, else the model that comes with symae, which restores
    photographs. Nothing is loaded from elsewhere, and no picture leaves for anywhere but the server.

    \b
    Examples:
      symae ui
      symae ui models/ --features features.parquet
      symae ui --address models.example:50051 --tls --port 8080
    """
    with tempfile.TemporaryDirectory(prefix="symae-ui-", ignore_cleanup_errors=True) as scratch:
        # read when Gradio is imported
        os.environ |= {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_DISABLE_TELEMETRY": "1"}
        from symae.ui.run import Options, run_until_stopped

        options = Options(models, address, features, samples, host, port, access, Path(scratch))
        run_until_stopped(options, voice.say)
    voice.say("stopped")
