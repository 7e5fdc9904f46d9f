"""The site of the docs builds without a complaint, its links lead somewhere, and it loads nothing from elsewhere."""

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml

from serve.pb.symae.v1 import symae_pb2
from symae.cli.commands import MODULES

ROOT = Path(__file__).parents[2]
LOADED = {("script", "src"), ("img", "src"), ("iframe", "src"), ("source", "src"), ("link", "href"), ("object", "data")}


class Page(HTMLParser):
    """What a page is called by, links to and loads."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.loaded = set(), [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            if name == "id":
                self.ids.add(value)
            elif (tag, name) == ("a", "href"):
                self.links.append(value)
            elif (tag, name) in LOADED:
                self.loaded.append(value)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    out = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", out]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr
    return out


@pytest.fixture(scope="module")
def pages(site):
    return {path.resolve(): Page(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}


def test_nothing_is_loaded_from_elsewhere(site, pages):
    loaded = {(path.name, url) for path, page in pages.items() for url in page.loaded}
    assert len(loaded) > 50
    assert not {(name, url) for name, url in loaded if urlsplit(url).netloc}
    for sheet in site.rglob("*.css"):
        text = sheet.read_text(encoding="utf-8")
        assert not re.search(r"(url\(\s*[\"']?|@import\s+[\"'])(https?:)?//", text), sheet


def test_links_and_anchors_lead_somewhere(site, pages):
    broken = []
    for path, page in pages.items():
        if path.name == "404.html":  # its links begin at the top of a server
            continue
        for link in page.links:
            url = urlsplit(link)
            if url.scheme or url.netloc:
                continue
            target = (path.parent / unquote(url.path)).resolve() if url.path else path
            target = target / "index.html" if target.is_dir() else target
            known = pages[target].ids if target in pages else ()
            if not target.is_file() or (url.fragment and unquote(url.fragment) not in known):
                broken.append(f"{path.relative_to(site)}: {link}")
    assert not broken


def test_the_navigation_has_every_page():
    def named(entry):
        if isinstance(entry, str):
            yield entry
        for inner in entry if isinstance(entry, list) else entry.values() if isinstance(entry, dict) else ():
            yield from named(inner)

    class Loader(yaml.SafeLoader):
        """Takes mkdocs.yml's own tags as they come."""

    navigation = set(named(yaml.load((ROOT / "mkdocs.yml").read_text(), Loader)["nav"]))
    assert {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")} <= navigation


def test_the_reference_of_commands_has_each_with_its_examples(site, pages):
    path = site / "reference/commands.html"
    assert {f"symae-{name}" for name in MODULES} <= pages[path].ids
    text = path.read_text(encoding="utf-8")
    assert "Sentinel" not in text and text.count('class="highlight"') > 1.8 * len(MODULES)


def test_the_reference_of_the_api_has_each_message_call_and_status(site, pages):
    file, text = symae_pb2.DESCRIPTOR, (site / "reference/grpc.html").read_text(encoding="utf-8")
    assert {name.lower() for name in (*file.message_types_by_name, *file.enum_types_by_name)} <= pages[
        site / "reference/grpc.html"
    ].ids
    (service,) = file.services_by_name.values()
    fields = {field.name for message in file.message_types_by_name.values() for field in message.fields}
    for name in {*fields, *service.methods_by_name, "RESOURCE_EXHAUSTED", "INTERNAL"}:
        assert f"<code>{name}</code>" in text, name
    assert (site / "reference/symae.proto").read_bytes() == (ROOT / "protos/symae/v1/symae.proto").read_bytes()


def test_the_reference_of_python_has_what_is_public(site, pages):
    import serve.client
    import symae

    ids = pages[site / "reference/python.html"].ids
    public = {f"symae.{name}" for name in symae.__all__} | {f"serve.client.{name}" for name in serve.client.__all__}
    public |= {"export.export_run", "symae.recipes.spec.Recipe", "symae.corruption.corrupt"}
    assert {name.replace("serve.client.Tls", "serve.channel.Tls") for name in public} <= ids
