"""Command: what the program knows of each of its commands."""

from argparse import ArgumentParser, Namespace


class Command:
    """A command of the program; its arguments are those of one parser."""

    NAME: str
    SUMMARY: str  # a line in the program's help
    DESCRIPTION: str  # in its own
    EXAMPLES: str

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add what stands after the command."""
        raise NotImplementedError

    def run(self, args: Namespace) -> int:
        """Do it, and return the exit code: 1 where some photographs were left out, else 0."""
        raise NotImplementedError

    def after_interrupt(self, args: Namespace) -> str:
        """Say what Ctrl-C left behind."""
        return "Nothing was written."
