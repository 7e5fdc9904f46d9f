"""What the pages say is so: statuses, limits, metrics and messages are those of the code, links lead somewhere."""

import dataclasses
import re
from pathlib import Path

import pytest

from serve import errors
from serve.config import ServeConfig

ROOT = Path(__file__).parents[2]
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in (*sorted((ROOT / "docs").rglob("*.md")), *ROOT.glob("*.md"), ROOT / "serve/shipped/README.md")
}


def columns(page, heading):
    """The first columns of the tables below a heading, without their head."""
    section = page.partition(f"\n{heading}\n")[2].partition("\n## ")[0]
    rows = [row for row in re.findall(r"^\| (.*) \|$", section, re.MULTILINE) if not row.startswith("---")]
    return [[cell.strip() for cell in row.split(" | ")] for row in rows]


def test_every_status_is_explained():
    listed = {tuple(row[:2]) for row in columns(PAGES["docs/serving.md"], "## Statuses, and what a client should do")}
    trees = [cls for cls in vars(errors).values() if isinstance(cls, type) and issubclass(cls, errors.ServeError)]
    on_the_wire = [cls for cls in trees if not issubclass(cls, errors.SetupError) and cls is not errors.CallError]
    assert {(cls.code.name, f"`{cls.reason}`") for cls in on_the_wire} <= listed


def test_every_limit_is_a_key_of_the_configuration():
    known = {field.name for field in dataclasses.fields(ServeConfig)}
    listed = {
        key
        for row in columns(PAGES["docs/serving.md"], "## Limits and back-pressure")[1:]
        for key in re.findall("`(.*?)`", row[0])
    }
    assert listed <= known


def test_every_metric_is_one_that_is_told():
    told = (ROOT / "serve/observing/metrics.py").read_text()
    named = re.findall(r"`(symae_[a-z_]+)", PAGES["docs/serving.md"])
    assert len(named) > 10
    assert all(name.removesuffix("_total") in told for name in named)


def test_the_messages_that_are_explained_are_said():
    joined = "\n".join(path.read_text() for wing in ("serve", "symae/cli") for path in (ROOT / wing).glob("**/*.py"))
    said = re.sub(r'"\s*\n\s*f?"', "", joined)
    rows = columns(PAGES["docs/serving.md"].partition("Messages of gRPC itself")[0], "## Troubleshooting")[1:]
    for message in (row[0].strip("`") for row in rows):
        for part in re.split(r"\s*…[\s?]*", message):
            part = part.replace("Address already in use; ", "")
            assert part.strip(": ") in said, part


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name):
    for target in re.findall(r"\]\(([^)\s]+)\)", PAGES[name]):
        if "://" not in target:
            path, _, anchor = target.partition("#")
            assert ((ROOT / name).parent / path).exists(), target
            if anchor:
                text = ((ROOT / name).parent / path if path else ROOT / name).read_text()
                headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
                named = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
                assert anchor in named | set(re.findall(r'<a id="(.*?)"></a>', text)), target
