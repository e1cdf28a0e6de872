"""Command: what each has."""

from argparse import Namespace

from condcap_sk._command_line.command import Command
from condcap_sk._command_line.main import COMMANDS


def test__commands__are_described():
    for command in COMMANDS:
        assert isinstance(command, Command)
        assert command.SUMMARY
        assert command.SUMMARY[0].islower()
        assert command.DESCRIPTION.rstrip().endswith(".")


def test__after_interrupt__nothing_is_left():
    assert Command().after_interrupt(Namespace()) == "Nothing was written."
