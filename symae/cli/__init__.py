"""The command line: parse and call, no logic.

Commands import the wing that they need inside their bodies, so that `symae --help` is quick and
`symae serve` never loads torch. One place turns errors into one line and an exit code: 2 for what the
user gave, 1 for a failure at run time, 130 after Ctrl-C.
"""

from __future__ import annotations

import errno
import importlib
import os
import sys
import time
from typing import Any, NoReturn

import click

__all__ = ["main"]

# Threads that spin long while they wait win little on a quiet machine and cost a busy one much: on two cores
# training ran at 372 images/s spinning without end, 318 like this and 237 sleeping; with one core taken by others
# at 29 to 101, 117 and 130.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")  # read when torch is imported

COMMANDS = {  # name -> (module of this package, one line of help), in the order of the work
    "recipes": "train",
    "train": "train",
    "evaluate": "train",
    "restoration": "restoration",
    "visualize": "visualize",
    "report": "report",
    "probe": "probe",
    "export": "export",
    "serve": "serve",
    "health": "health",
    "embed": "embed",
    "reconstruct": "call",
    "classify": "call",
    "segment": "call",
    "bench": "bench",
    "demo": "demo",
    "doctor": "doctor",
}


class _Commands(click.Group):
    """A group whose commands are imported when they are asked for, and whose errors are one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"symae.cli.{COMMANDS[cmd_name]}")
        command = getattr(module, cmd_name)
        assert isinstance(command, click.Command)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except KeyboardInterrupt:
            _fail("interrupted", 130)
        except ModuleNotFoundError as error:
            _fail(f"{error.name} is not installed: install symae with the extra that has it, symae[all]", 2)
        except OSError as error:
            if error.errno == errno.ENOSPC:
                remedy = "free some and run the same command again (training: with --resume)"
                _fail(f"no space left on the device{_where(error)}: {remedy}", 1)
            _fail(f"{error.strerror or error}{_where(error)}", 1)
        except Exception as error:
            code = getattr(error, "exit_code", None)  # both error trees, symae.errors and serve.errors, carry it
            if code is None or os.environ.get("SYMAE_TRACEBACK"):
                raise
            _fail(str(error), code)


def _where(error: OSError) -> str:
    return f" ({error.filename})" if error.filename else ""


def _fail(message: str, code: int) -> NoReturn:
    if message:
        click.echo(f"symae: {message}", err=True)
    else:
        time.sleep(1)  # another process tells why; whoever ends all when one has ended should find that one first
    sys.exit(code)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="symae")
def main() -> None:
    """Learn from unlabelled images, then denoise, inpaint, embed, classify and segment.

    Pre-train a symmetric-shortcut denoising auto-encoder on any folder of images, fine-tune it on the few that
    have labels, export it to ONNX and serve it over gRPC:

    \b
      symae train pretrain --data photos/ --out runs/pretrain
      symae train classify --data labelled/ --init runs/pretrain --out runs/classify
      symae export runs/classify --repository models/
      symae serve models/
    """
