"""The program's parser, and how it ends."""

import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Sequence
from typing import NoReturn

from .._version import __version__
from .caption import Caption
from .card import Card
from .command import Command
from .console import (
    close_output,
    escaped,
    report,
    sentence_of,
    set_up_output,
    warnings_reported,
)
from .explore import Explore
from .export import Export
from .fit import Fit
from .report import Report

COMMANDS: tuple[Command, ...] = (Fit(), Caption(), Report(), Card(), Export(), Explore())
FAILED, INTERRUPTED, CLOSED_PIPE = 2, 130, 141  # the latter two as shells have them
DESCRIPTION = """\
Captions for photographs, by a model that is learned from photographs and
captions. A photograph has many right captions; the model's latent, a few
numbers, chooses among them.

  condcap_sk fit photographs captions.csv -o model.safetensors
  condcap_sk caption model.safetensors holiday/
"""
EPILOG = """\
Results go to standard output, all else to standard error. The exit code is 0;
1 if some photographs could not be read, and the others are done; 2 if nothing
was done, for a reason that is printed.

condcap_sk COMMAND --help explains a command. All that a model can be asked is
in Python: from condcap_sk import ConditionalCaptioner
"""


def main(argv: Sequence[str] | None = None, prog: str = "condcap_sk") -> int:
    """Run the program.

    Parameters
    ----------
    argv : sequence of str, default=None
        What stands after its name. None: what the process was started with.
    prog : str, default="condcap_sk"
        Its name in the help.

    Returns
    -------
    code : int
        The exit code.
    """
    try:
        args = make_parser(prog).parse_args(_joined(sys.argv[1:] if argv is None else argv))
    except SystemExit:  # help was printed, or what is wrong with the arguments
        close_output()
        raise
    command: Command = args.command
    prefix = f"condcap_sk {command.NAME}"
    try:
        set_up_output()
        with warnings_reported(prefix):
            return command.run(args)
    except BrokenPipeError:  # what reads the results has enough, as `head`
        return CLOSED_PIPE
    except KeyboardInterrupt:
        report(f"{prefix}: stopped. {command.after_interrupt(args)}")
        return INTERRUPTED
    except Exception as error:
        if args.debug:
            raise
        report(f"{prefix}: error: {sentence_of(error)}")
        return FAILED
    finally:
        close_output()


class Parser(ArgumentParser):
    """Arguments may hold what a terminal takes for a command, and errors have their words."""

    def error(self, message: str) -> NoReturn:
        super().error(escaped(message))


def make_parser(prog: str) -> ArgumentParser:
    """Return the parser of all commands."""
    parser = Parser(
        prog=prog, description=DESCRIPTION, epilog=EPILOG, allow_abbrev=False,
        formatter_class=RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--version", action="version", version=f"condcap_sk {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        inner = commands.add_parser(
            command.NAME, help=command.SUMMARY, description=command.DESCRIPTION,
            epilog=f"Examples:\n{command.EXAMPLES}", allow_abbrev=False,
            formatter_class=RawDescriptionHelpFormatter,
        )  # fmt: skip
        command.add_arguments(inner)
        inner.add_argument(
            "--debug", action="store_true", help="on an error, show where in the code it came up"
        )
        inner.set_defaults(command=command)
    return parser


def _joined(argv: Sequence[str]) -> list[str]:
    """Return arguments in which a latent that begins with a minus is no option."""
    joined: list[str] = []
    for argument in argv:
        if joined and joined[-1] == "--latent" and argument[:1] == "-" and argument[1:2] not in "-":
            joined[-1] = f"--latent={argument}"
        else:
            joined.append(argument)
    return joined
