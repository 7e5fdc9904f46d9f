import json
import logging

import click
import pytest
from click.testing import CliRunner

from symae.cli import main, voice


@pytest.fixture
def command():
    """A command that says one thing of each kind."""

    @click.command(params=list(voice.voice_options()))
    def talk():
        voice.say("said")
        voice.note("noted")
        logging.getLogger("serve.test").warning("warned")
        logging.getLogger("serve.test").debug("detailed")
        with voice.progress("images") as start:
            start(0, 2)(2)
        voice.result({"a": 1})

    yield talk
    for name in ("symae", "export", "serve"):
        logging.getLogger(name).setLevel(logging.NOTSET)
        logging.getLogger(name).handlers.clear()


def test_as_usual(command):
    done = CliRunner().invoke(command, [])
    assert done.stdout == 'said\n{"a": 1}\n'
    assert "noted\n" in done.stderr and "images: 2 of 2" in done.stderr and "detailed" not in done.stderr


def test_quiet_leaves_the_result(command):
    done = CliRunner().invoke(command, ["-q"])
    assert (done.stdout, done.stderr) == ('{"a": 1}\n', "")


def test_verbose_adds_the_log(command):
    done = CliRunner().invoke(command, ["--verbose"])
    assert "DEBUG serve.test: detailed" in done.stderr and done.stdout == 'said\n{"a": 1}\n'


def test_json_of_recipes_is_alone_and_whole():
    listed = json.loads(CliRunner().invoke(main, ["recipes", "table2", "--json"]).stdout)
    assert {"recipe", "summary", "data", "paper", "gflop_per_image"} == set(listed[0])
    assert "table2-random" in {recipe["recipe"] for recipe in listed}


def test_no_colour_where_there_is_no_terminal():
    assert "\x1b" not in CliRunner().invoke(main, ["recipes"]).stdout
