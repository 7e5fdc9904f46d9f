"""The group of all commands: imported when they are asked for, listed by what they are for."""

from __future__ import annotations

import difflib
import importlib
from typing import Any

import click

from symae.cli.commands import GROUPS, MODULES
from symae.cli.failures import told
from symae.cli.voice import voice_options

__all__ = ["Commands"]


class Commands(click.Group):
    """A group whose commands are imported when they are asked for, and whose errors are one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Name all."""
        return list(MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import a command; it has the options that all have."""
        if cmd_name not in MODULES:
            return None
        command = getattr(importlib.import_module(f"symae.cli.{MODULES[cmd_name]}"), cmd_name)
        assert isinstance(command, click.Command)
        if not any(parameter.name == "quiet" for parameter in command.params):
            command.params.extend(voice_options())
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; the nearest is named where there is none."""
        if args and args[0] not in MODULES and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], MODULES, n=2)
            ctx.fail(
                f"there is no command {args[0]!r}" + (f": did you mean {' or '.join(map(repr, near))}?" if near else "")
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List them under headings, a line each."""
        width = max(map(len, MODULES))
        for heading, names in GROUPS.items():
            with formatter.section(heading):
                commands = ((name, self.get_command(ctx, name)) for name in names)
                formatter.write_dl([(name.ljust(width), _summary(command)) for name, command in commands if command])

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; its errors become one line."""
        with told():
            return super().invoke(ctx)


def _summary(command: click.Command) -> str:
    return command.short_help or command.get_short_help_str(limit=200)
