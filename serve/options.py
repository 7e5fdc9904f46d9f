"""Where the server's configuration comes from: a TOML file, then the environment, then flags; the last one wins.

A key has one name everywhere: `batch_images` in the file, SYMAE_SERVE_BATCH_IMAGES in the environment,
--batch-images on the command line. In the last two, lists are separated by commas.
"""

from __future__ import annotations

import dataclasses
import difflib
import inspect
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from serve.config import ServeConfig
from serve.errors import ConfigError

__all__ = ["PREFIX", "Option", "Resolved", "options", "resolve"]

PREFIX = "SYMAE_SERVE_"
# The file itself, and what Kubernetes gives every container for a service that is called symae-serve.
_NOT_KEYS = re.compile(r"CONFIG|SERVICE_HOST|SERVICE_PORT(_.+)?|PORT(_\d+_.+)?")
TRACES = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
NO_TRACES = "OTEL_SDK_DISABLED"
_SWITCH = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}


@dataclass(frozen=True)
class Option:
    """One key of the configuration.

    Attributes:
        key: its name in the file.
        kind: "str", "int", "float", "bool", "tuple[str, ...]" or "tuple[int, ...]".
        default: where nobody gives another.
        text: what it means, in one paragraph.
    """

    key: str
    kind: str
    default: Any
    text: str

    @property
    def flag(self) -> str:
        """Its name on the command line."""
        return "--" + self.key.replace("_", "-")

    @property
    def is_list(self) -> bool:
        """Whether it has several values."""
        return self.kind.startswith("tuple")

    @property
    def shown(self) -> str:
        """Its default as one would write it."""
        return ",".join(map(str, self.default)) if self.is_list else str(self.default).lower()


@dataclass(frozen=True)
class Resolved:
    """A configuration, and where each value comes from.

    Attributes:
        config: the values.
        sources: key -> "default", "file PATH", "environment NAME" or "flag --NAME".
    """

    config: ServeConfig
    sources: Mapping[str, str]

    def to_toml(self) -> str:
        """Write it as a file that gives the same configuration, the source of each value beside it."""
        pairs = [(f"{key} = {_toml(getattr(self.config, key))}", source) for key, source in self.sources.items()]
        width = max(len(pair) for pair, _ in pairs)
        return "".join(f"{pair.ljust(width)}  # {source}\n" for pair, source in pairs)


def options() -> tuple[Option, ...]:
    """List the keys as `ServeConfig` declares and documents them."""
    _, _, attributes = inspect.cleandoc(ServeConfig.__doc__ or "").partition("Attributes:\n")
    entries = re.findall(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", attributes, re.MULTILINE)
    texts = {key: " ".join(text.split()) for key, text in entries}
    return tuple(
        Option(field.name, str(field.type), field.default, texts.get(field.name, ""))
        for field in dataclasses.fields(ServeConfig)
    )


def resolve(file: Path | None, environment: Mapping[str, str], flags: Mapping[str, str]) -> Resolved:
    """Lay file, environment and flags over the defaults.

    Args:
        file: a TOML file of keys; None: none.
        environment: all of it; only what begins with SYMAE_SERVE_ is looked at.
        flags: key -> text as given on the command line.

    Raises:
        ConfigError: the file is missing or no TOML, a key is unknown, or a value of the wrong type or range.
    """
    known = {option.key: option for option in options()}
    values = {key: option.default for key, option in known.items()}
    sources = dict.fromkeys(known, "default")
    for key, value, source, read in _given(file, environment, flags):
        if key not in known:
            nearest = difflib.get_close_matches(key, known, n=1, cutoff=0)[0]
            raise ConfigError(f"unknown option {key!r}, did you mean {nearest!r}? ({source})")
        values[key], sources[key] = read(known[key], value, source), source
    return Resolved(ServeConfig(**values), sources)


_Given = tuple[str, Any, str, Callable[[Option, Any, str], Any]]


def _given(file: Path | None, environment: Mapping[str, str], flags: Mapping[str, str]) -> Iterator[_Given]:
    for key, value in (_read(file) if file else {}).items():
        yield key, value, f"file {_printable(str(file))}", _typed
    # a whole cluster may have these variables: they are no reason to refuse to start where traces are not installed
    asked = next((name for name in TRACES if environment.get(name)), None)
    if asked and environment.get(NO_TRACES, "").lower() != "true" and _can_trace():
        yield "traces", "true", f"environment {asked}", _parsed
    for name, text in environment.items():
        if name.startswith(PREFIX) and not _NOT_KEYS.fullmatch(name.removeprefix(PREFIX)):
            yield name.removeprefix(PREFIX).lower(), text, f"environment {_printable(name)}", _parsed
    for key, text in flags.items():
        yield key, text, f"flag --{key.replace('_', '-')}", _parsed


def _can_trace() -> bool:
    return bool(find_spec("opentelemetry") and find_spec("opentelemetry.sdk"))


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read the configuration {path}: {getattr(error, 'strerror', error)}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not TOML: {error}") from error


def _typed(option: Option, value: Any, source: str) -> Any:
    """Check a value that has a type of its own."""
    if option.is_list and isinstance(value, list):
        item = int if "int" in option.kind else str
        if all(isinstance(entry, item) and not isinstance(entry, bool) for entry in value):
            return tuple(value)
        raise ConfigError(f"{option.key} must be a list of {item.__name__}, got {value!r} ({source})")
    if option.kind == "float" and type(value) in (int, float):
        return float(value)
    if type(value).__name__ == option.kind:
        return value
    raise ConfigError(f"{option.key} must be of type {_name(option.kind)}, got {value!r} ({source})")


def _parsed(option: Option, text: str, source: str) -> Any:
    """Read a value that came as text."""
    try:
        if option.is_list:
            entries = [entry.strip() for entry in text.split(",") if entry.strip()]
            return tuple(map(int, entries)) if "int" in option.kind else tuple(entries)
        if option.kind == "bool":
            return _SWITCH[text.strip().lower()]
        return {"str": str, "int": int, "float": float}[option.kind](text)
    except (KeyError, ValueError):
        raise ConfigError(f"{option.key} must be of type {_name(option.kind)}, got {text!r} ({source})") from None


def _name(kind: str) -> str:
    return {"tuple[str, ...]": "list of str", "tuple[int, ...]": "list of int"}.get(kind, kind)


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{_printable(value)}"'
    if isinstance(value, tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return repr(value)


def _printable(text: str) -> str:
    r"""Escape what neither a string nor a comment of TOML may hold."""
    return "".join(f"\\{c}" if c in '"\\' else c if c.isprintable() else f"\\U{ord(c):08X}" for c in text)
