"""Links out of docs/ lead somewhere on a code host and on the site, where what they name becomes a page.

A page of the repository's top is adopted under a name of its own. Other files and folders that are linked to get a page
below `source/` that shows them.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ADOPTED = {  # file of the repository -> page of the site
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "serve/shipped/README.md": "model.md",
}
ELSEWHERE = {  # what has a better page than its text
    "README.md": "index.md",
    "protos/symae/v1/symae.proto": "reference/grpc.md",
}
LINK = re.compile(r"(\]\(|\bsrc=\"|\bhref=\")([^)\"\s]+)")
LANGUAGES = {".py": "python", ".js": "javascript", ".sh": "sh", ".yaml": "yaml", ".json": "json", ".toml": "toml"}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adopt pages, and make one for each file or folder that a page links to."""
    root = Path(config.config_file_path).parent
    for source, uri in ADOPTED.items():
        files.append(File.generated(config, uri, content=(root / source).read_text(encoding="utf-8")))
    linked = {path for file in files.documentation_pages() for path in _linked(file.src_uri, file.content_string, root)}
    for path in sorted(linked):
        if files.get_file_from_path(_uri(path)) is None:
            files.append(File.generated(config, _uri(path), content=_shown(root / path, path)))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, **_: Any) -> str:
    """Point the links of a page to where their targets are on the site."""
    root, here = Path(config.config_file_path).parent, page.file.src_uri

    def point(match: re.Match[str]) -> str:
        target, hash_, anchor = match[2].partition("#")
        path = _path(here, target)
        if path is None or not (root / path).exists():
            return match[0]
        return match[1] + posixpath.relpath(_uri(path), posixpath.dirname(here)) + hash_ + anchor

    return LINK.sub(point, markdown.replace("<details>", "<details markdown>"))


def _linked(uri: str, text: str, root: Path) -> Iterator[str]:
    """Paths in the repository, outside docs/, that a page links to."""
    for match in LINK.finditer(text):
        path = _path(uri, match[2].partition("#")[0])
        if path and not path.startswith("docs/") and path not in ADOPTED | ELSEWHERE and (root / path).exists():
            yield path


def _path(uri: str, target: str) -> str | None:
    """Where in the repository the link of a page leads; None: elsewhere, or to another place of the page."""
    if not target or ":" in target or target.startswith("/"):
        return None
    origin = next((source for source, adopted in ADOPTED.items() if adopted == uri), f"docs/{uri}")
    path = posixpath.normpath(posixpath.join(posixpath.dirname(origin), target))
    return None if path.startswith("..") else path


def _uri(path: str) -> str:
    """The page, or file, of the site that shows a path of the repository."""
    known = ADOPTED | ELSEWHERE
    if path in known:
        return known[path]
    return path.removeprefix("docs/") if path.startswith("docs/") else f"source/{path}.md"


def _shown(path: Path, name: str) -> str:
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    head = f"---\nsearch:\n  exclude: true\n---\n# {name}\n"
    return "\n".join([head, *(_block(file, titled=path.is_dir()) for file in files if file.is_file())])


def _block(file: Path, *, titled: bool) -> str:
    language = "dockerfile" if file.name == "Dockerfile" else LANGUAGES.get(file.suffix, "text")
    title = f"## {file.name}\n\n" if titled else ""
    return f"{title}~~~~{language}\n{file.read_text(encoding='utf-8').rstrip()}\n~~~~\n"
