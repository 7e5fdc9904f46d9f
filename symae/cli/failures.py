"""One place where errors become one line and an exit code.

0    done
1    something failed while it ran, or an answer is no (health, doctor)
2    what was given is not as it must be
130  Ctrl-C
"""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import click

__all__ = ["told"]


@contextmanager
def told() -> Iterator[None]:
    """End the process with one line where the block fails in a way that a line explains."""
    try:
        yield
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else "symae"
        _fail(f"{_usage(error)} ({command} --help tells more)", 2)
    except (click.ClickException, click.exceptions.Exit, click.Abort):
        raise
    except KeyboardInterrupt:
        _fail("interrupted", 130)
    except ModuleNotFoundError as error:
        _fail(f"{error.name} is not installed: {_remedy(error.name or '')}", 2)
    except OSError as error:
        if error.errno == errno.EPIPE:  # who read the output has read enough; click ends quietly
            raise
        if error.errno == errno.ENOSPC:
            remedy = "free some and run the same command again (training: with --resume)"
            _fail(f"no space left on the device{_where(error)}: {remedy}", 1)
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS) and error.filename:
            _fail(f"no permission for {error.filename}: choose another place, or have its rights changed", 1)
        _fail(f"{error.strerror or error}{_where(error)}", 1)
    except Exception as error:
        code = getattr(error, "exit_code", None)  # both error trees, symae.errors and serve.errors, carry it
        if code is None or os.environ.get("SYMAE_TRACEBACK"):
            raise
        _fail(str(error), code)


def _usage(error: click.UsageError) -> str:
    if isinstance(error, click.NoSuchOption):
        near = [repr(name) for name in error.possibilities or ()][:2]
        return f"there is no option {error.option_name!r}" + (f": did you mean {' or '.join(near)}?" if near else "")
    message = error.format_message()
    return f"{message[:1].lower()}{message[1:].rstrip('.')}"


EXTRAS = {  # what a package that is missing belongs to
    "train": "torch torchvision lightning torchmetrics safetensors pydantic tensorboard onnx onnxscript skimage sklearn"
    " matplotlib",
    "serve": "onnxruntime pyarrow grpc grpc_health grpc_reflection google prometheus_client jinja2",
    "demo": "gradio",
    "scale": "ray fsspec",
    "otel": "opentelemetry",
}


def _remedy(module: str) -> str:
    package = module.partition(".")[0]
    extra = next((extra for extra, packages in EXTRAS.items() if package in packages.split()), "all")
    return f"pip install 'symae[{extra}]'"


def _where(error: OSError) -> str:
    return f" ({error.filename})" if error.filename else ""


def _fail(message: str, code: int) -> NoReturn:
    if message:
        click.echo(f"symae: {message}", err=True)
    else:
        time.sleep(1)  # another process tells why; whoever ends all when one has ended should find that one first
    sys.exit(code)
