"""What is true of every command: its line in the list, its examples, its options and its messages."""

import re
import shlex

import click
import pytest
from click.testing import CliRunner

from symae.cli import main
from symae.cli.commands import GROUPS, MODULES

COMMANDS = {name: main.get_command(click.Context(main), name) for name in MODULES}


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def examples(command):
    """The command lines in a help text, after its heading."""
    text = command.help.partition("Examples:\n")[2]
    return [line.strip() for line in text.splitlines() if line.strip()]


@pytest.mark.parametrize("width", [80, 100])
def test_help_lists_every_command_in_its_group_on_one_whole_line(width):
    lines = CliRunner().invoke(main, ["--help"], terminal_width=width).output.splitlines()
    for heading, names in GROUPS.items():
        at = lines.index(f"{heading}:") + 1
        for line, name in zip(lines[at : at + len(names)], names, strict=True):
            assert re.fullmatch(rf"  {name} +\S.*\.", line) and "..." not in line


@pytest.mark.parametrize("name", MODULES)
def test_every_command_has_examples_that_parse(name):
    command = COMMANDS[name]
    lines = examples(command)
    assert lines
    for line in lines:
        words = shlex.split(line.partition(" > ")[0])
        assert words[0] in ("symae", "tensorboard"), line
        if words[0] == "symae":
            assert words[1] == name
            command.make_context(name, words[2:])


@pytest.mark.parametrize("name", MODULES)
def test_quiet_and_verbose_are_everywhere_and_mean_one_thing(name):
    declared = {option for parameter in COMMANDS[name].params for option in parameter.opts}
    assert {"-q", "--quiet", "-v", "--verbose"} <= declared
    assert len([option for option in declared if option in ("-q", "-v")]) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["recips"], "there is no command 'recips': did you mean 'recipes'? (symae --help tells more)"),
        (["xyzzy"], "there is no command 'xyzzy' (symae --help tells more)"),
        (["train", "pretrian"], "unknown recipe 'pretrian': did you mean 'pretrain'? `symae recipes` lists all"),
        (["train", "--dta", "x"], "there is no option '--dta': did you mean '--data'"),
        (
            ["train", "pretrain", "--data", "x", "--set", "epoch=3"],
            "unknown key 'epoch' in --set: did you mean 'epochs'?",
        ),
        (["recipes", "tabel2"], "unknown table 'tabel2': did you mean 'table2'?"),
        (["evaluate"], "missing argument 'RUN' (symae evaluate --help tells more)"),
        (["recipes", "-q", "-v"], "--quiet and --verbose are both given: give one of them"),
    ],
)
def test_a_slip_is_one_line_that_names_what_was_meant(arguments, message):
    result = run(*arguments)
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert result.stderr.startswith(f"symae: {message}")


def test_exit_codes_stand_in_the_help():
    text = " ".join(run("--help").stdout.split())
    assert "Exit codes: 0 done; 1 failed while it ran; 2 something given is not as it must be; 130 Ctrl-C." in text
