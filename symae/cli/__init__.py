"""The command line: parse and call, no logic.

Commands import the wing that they need inside their bodies, so that `symae --help` is quick and `symae serve` never
loads torch. `commands` lists them, `group` shows them, `failures` turns errors into one line and an exit code, and
`voice` says how much is said and where.
"""

from __future__ import annotations

import os

import click

from symae.cli.group import Commands

__all__ = ["main"]

# Threads that spin long while they wait win little on a quiet machine and cost a busy one much: on two cores
# training ran at 372 images/s spinning without end, 318 like this and 237 sleeping; with one core taken by others
# at 29 to 101, 117 and 130.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")  # read when torch is imported


@click.group(
    name="symae",
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Every command has --help with examples, -q and -v. Exit codes: 0 done; 1 failed while it ran; "
    "2 something given is not as it must be; 130 Ctrl-C.",
)
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
