"""`symae completion`, and what the shell is offered for recipes, runs and models."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem, get_completion_class

__all__ = ["completion", "models", "recipes", "runs", "sections", "tables"]

Offer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


@click.command(short_help="Print what makes a shell complete commands and values.")
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
def completion(shell: str) -> None:
    """Print what makes SHELL complete commands, options, recipes, run directories and models.

    \b
    Examples:
      symae completion bash > ~/.local/share/bash-completion/completions/symae
      symae completion zsh > ~/.zfunc/_symae
      symae completion fish > ~/.config/fish/completions/symae.fish
    """
    found = get_completion_class(shell)
    assert found is not None
    root = click.get_current_context().find_root().command
    click.echo(found(root, {}, "symae", "_SYMAE_COMPLETE").source())


def recipes(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer recipes; none without PyTorch."""
    try:
        from symae.recipes import RECIPES
    except ImportError:
        return []
    return [CompletionItem(name, help=r.summary) for name, r in RECIPES.items() if name.startswith(incomplete)]


def tables(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer tables and figures; none without PyTorch."""
    try:
        from symae.recipes import TABLES
    except ImportError:
        return []
    return [CompletionItem(name, help=t.title) for name, t in TABLES.items() if name.startswith(incomplete)]


def sections(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer what a report has: tables, figures and what stands beside them; none without PyTorch."""
    try:
        from symae.recipes import TABLES
        from symae.report.build import section_names
    except ImportError:
        return []
    return [CompletionItem(name) for name in section_names(TABLES) if name.startswith(incomplete)]


def runs(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer run directories beneath what is typed; where there is none, folders."""
    folder, prefix = _split(incomplete)
    found = [path for path in _folders(folder, prefix) if (path / "recipe.json").is_file()]
    deeper = [path for path in _folders(folder, prefix) if path not in found]
    below = [run for path in deeper for run in _folders(path, "") if (run / "recipe.json").is_file()]
    names = [_as_typed(path, incomplete) for path in (*found, *below)]
    return [CompletionItem(name) for name in names] or [CompletionItem(incomplete, type="dir")]


def models(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer the models of the repository that --models names, or of models/."""
    folder: Any = context.params.get("models") or Path("models")
    return [
        CompletionItem(path.name) for path in _folders(Path(folder), incomplete) if (path / "config.pbtxt").exists()
    ]


def _split(incomplete: str) -> tuple[Path, str]:
    folder, slash, prefix = incomplete.rpartition("/")
    return Path(folder or slash or "."), prefix


def _folders(folder: Path, prefix: str) -> list[Path]:
    try:
        return sorted(p for p in folder.iterdir() if p.is_dir() and p.name.startswith(prefix) and p.name[0] != ".")
    except OSError:
        return []


def _as_typed(path: Path, incomplete: str) -> str:
    return f"./{path}" if incomplete.startswith("./") else str(path)
