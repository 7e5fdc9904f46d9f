"""What stands on the pages works: each is followed in a clean folder, command by command and program by program."""

import json
import re
import shlex
import shutil
from pathlib import Path

import click
import pytest
import yaml

from serve.channel import SERVICE_CONFIG
from serve.options import resolve
from symae.cli import main
from symae.cli.commands import MODULES
from symae.recipes import find, override

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "docs/results.md"
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in (
        *sorted((ROOT / "docs").rglob("*.md")),
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        ROOT / "serve/shipped/README.md",
    )
    if path != RESULTS
}
WITH_MODELS = ("docs/serving.md", "docs/calling.md", "docs/embedding.md", "docs/installation.md", "docs/ui.md")
WITH_RUN = ("docs/installation.md", "docs/scaling.md")
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(text):
    """Language and content of each block; what is to be typed is "sh"."""
    return [("sh" if language == "console" else language, body) for language, body in BLOCK.findall(text)]


def typed(text, conftest):
    return [step for language, body in blocks(text) if language == "sh" for step in conftest.commands(body)]


@pytest.fixture(scope="session")
def conftest(request):
    return request.config.pluginmanager.getplugin(str(Path(__file__).with_name("conftest.py")))


@pytest.mark.parametrize(
    "name", [name for name, text in PAGES.items() if re.search("^```(sh|console|python)$", text, re.M)]
)
def test_a_page_can_be_followed(name, reader, models, conftest):
    if name in WITH_MODELS:
        shutil.copytree(models, "models")
        Path("serve.toml").write_text("batch_images = 16\n")
    if name in WITH_RUN:
        reader.follow("symae train pretrain --data photos/ --out runs/pretrain")
    for language, body in blocks(PAGES[name]):
        for step in conftest.commands(body) if language == "sh" else [body] if language == "python" else []:
            try:
                reader.follow(step) if language == "sh" else reader.program(step)
            except BaseException as error:
                error.add_note(f"{name} says:\n{step}")
                raise


def test_every_reason_not_to_run_is_needed(conftest):
    steps = [step for text in PAGES.values() for step in typed(text, conftest)]
    unused = [begins for begins in conftest.NOT_RUN if not any(step.startswith(begins) for step in steps)]
    assert not unused


@pytest.mark.parametrize("name", PAGES)
def test_other_blocks_are_what_they_say(name, tmp_path):
    for language, body in blocks(PAGES[name]):
        match language:
            case "toml":
                (tmp_path / "block").write_text(body)
                resolve(tmp_path / "block", {}, {})
            case "json":
                assert json.loads(body)["methodConfig"] == json.loads(SERVICE_CONFIG)["methodConfig"]
            case "yaml":
                assert list(yaml.safe_load_all(body))
            case _:
                assert language in ("", "sh", "python", "text")


def test_commands_in_running_text_name_what_there_is():
    """`symae export RUN --name NAME` within a sentence: the command and its options exist."""
    for name, text in PAGES.items():
        if name == "docs/troubleshooting.md":  # full of mistakes, which tests of its own make
            continue
        for told in re.findall(r"`symae ([a-z][^`]*)`", BLOCK.sub("", text)):
            words = shlex.split(told.replace("…", ""))
            assert words[0] in MODULES, f"{name}: {told}"
            known = main.get_command(click.Context(main), words[0]).params
            flags = {flag for option in known for flag in (*option.opts, *option.secondary_opts)} | {"--help"}
            assert {word.split("=")[0] for word in words if word.startswith("--")} <= flags, f"{name}: {told}"


def test_the_commands_of_the_report_are_recipes_and_settings(conftest):
    """Those train for hours: here each is read, its recipe found and its settings tried."""
    lines = typed(RESULTS.read_text(encoding="utf-8"), conftest)
    assert len(lines) > 100
    for line in lines:
        words = shlex.split(line, comments=True)
        if words[0] == "symae":
            conftest.parse(words[1:])
        if words[:2] == ["symae", "train"]:
            override(find(words[2]), [words[at + 1] for at, word in enumerate(words) if word == "--set"])


def test_the_targets_of_make_are_there():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {target for text in PAGES.values() for target in re.findall(r"(?:^|`)make ([a-z]+)", text, re.MULTILINE)}
    assert named and named <= targets
