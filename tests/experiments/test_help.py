"""Every command explains itself, and what it gives as an example can be typed."""

import re
import shlex

import click
import pytest

from experiments.cli import towtank


def commands(group, path=("towtank",)):
    """All commands that do something themselves, by what is typed to call them."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield " ".join((*path, name)), command


COMMANDS = dict(commands(towtank))


def examples(command):
    """The command lines among what stands below a command's options."""
    epilog = (command.epilog or "").replace("\b", "").replace("\\\n", "")
    lines = re.findall(r"\btowtank [^\n;()`]+", epilog)
    # What a shell does with what is printed is not for us.
    return [re.split(r" [<>|] ", line)[0].strip() for line in lines]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_an_example_of_itself(name):
    assert any(f"{example} ".startswith(f"{name} ") for example in examples(COMMANDS[name]))


@pytest.mark.parametrize("line", sorted({line for command in COMMANDS.values() for line in examples(command)}))
def test_what_is_given_as_an_example_is_understood(line):
    command, words, context = towtank, shlex.split(line)[1:], None
    while isinstance(command, click.Group):
        context = command.make_context(command.name, words, parent=context)
        _, command, words = command.resolve_command(context, [*context._protected_args, *context.args])

    command.make_context(command.name, words, parent=context)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_what_it_does_and_what_its_options_are(name):
    command = COMMANDS[name]

    assert command.help
    unexplained = [option.name for option in command.params if isinstance(option, click.Option) and not option.help]
    assert unexplained == []
