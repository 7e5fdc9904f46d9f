"""The command line for its reference page: the real one, its examples marked as code.

mkdocs-click shows `command` of this module.
"""

from __future__ import annotations

import copy
import inspect
import re
import sys
from pathlib import Path
from typing import Any

import click

from symae.cli import main

VERBATIM = re.compile(r"^\x08\n(.*?)(?=\n\n|\Z)", re.MULTILINE | re.DOTALL)  # what click does not wrap

DEFAULT = re.compile(r"\s*\[default: (.*?)\]$")


def on_startup(**_: Any) -> None:
    """Let mkdocs-click find this module."""
    sys.path.append(str(Path(__file__).parent))


def _all() -> click.Group:
    context = click.Context(main)
    found = (main.get_command(context, name) for name in main.list_commands(context))
    group = click.Group("symae", [_marked(command) for command in found if command], add_help_option=False)
    group.help, group.params = _told(main), _params(main)
    return group


def _marked(command: click.Command) -> click.Command:
    return click.Command(command.name, params=_params(command), help=_told(command), add_help_option=False)


def _params(command: click.Command) -> list[click.Parameter]:
    """Its parameters, whose types and defaults are words for a reader."""
    return [_plain(param) for param in command.get_params(click.Context(command)) if param.name != "help"]


def _told(command: click.Command) -> str:
    """The help of a command, its verbatim paragraphs as shell."""
    return VERBATIM.sub(_fenced, inspect.cleandoc(command.help or ""))


def _fenced(match: re.Match[str]) -> str:
    lines = match[1].splitlines()
    title = "" if lines[0].startswith(" ") else lines.pop(0)
    return "\n".join([title, "", "```sh", *(line.strip() for line in lines), "```"])


def _plain(param: click.Parameter) -> click.Parameter:
    plain = copy.copy(param)
    if plain.default in ("", ()) or "Sentinel" in str(plain.default):
        plain.default = None
    if isinstance(plain, click.Option):
        told = DEFAULT.search(plain.help or "")
        if told and plain.default is None:
            plain.default, plain.help = told[1], DEFAULT.sub("", plain.help or "")
        if not isinstance(plain.type, click.Choice | click.IntRange | click.FloatRange):
            plain.type = copy.copy(plain.type)
            plain.type.name = "flag" if plain.is_flag else (plain.metavar or plain.type.name.strip("_"))
            plain.type.name = plain.type.name.replace("|", " or ")
    return plain


command = _all()
