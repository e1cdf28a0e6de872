"""condcap_sk card: a page about a model."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from . import models, outputs, photographs, tables
from .command import Command
from .console import UsageError, check_output, put, quoted


class Card(Command):
    """Describe a model."""

    NAME = "card"
    SUMMARY = "describe a model in Markdown, to publish with it"
    DESCRIPTION = """\
Describe a model in Markdown, as a page to publish with its file: its data,
parameters, training, use and limits, but no caption and no word of them. With
FOLDER and CAPTIONS.csv, of photographs that it was not fitted on, the page has
the figures of `report`. What only you know is left open, and marked: [More
Information Needed]."""
    EXAMPLES = """\
  condcap_sk card model.safetensors
  condcap_sk card model.safetensors photographs held_back.csv -o README.md
"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        models.add_model(parser)
        tables.add_table(parser, nargs="?")
        parser.add_argument(
            "-o", "--output", metavar="CARD.md", help="write a file (default: standard output)"
        )
        outputs.add_force(parser)
        photographs.add_reading(parser)

    def run(self, args: Namespace) -> int:
        if args.output is None:
            check_output()

        from .._card_texts import FILE
        from .._persistence import replace_file

        if args.output is not None:
            outputs.check_file(args.output, args.force, args.model, args.captions)
        if args.folder is not None and args.captions is None:
            raise UsageError(
                f"{args.folder!r} was passed without a table. Pass FOLDER and CAPTIONS.csv, or "
                "neither."
            )
        files, captions = ([], []) if args.folder is None else tables.read_table(args)
        est = models.load(args.model, args.device)
        code = 0
        if args.folder is None:
            card = est.model_card()
        else:
            answers = models.as_answers(est, args.model, captions)
            reader = models.reader_of(
                est, args.model, resize=args.resize, device=args.device, prefix="condcap_sk card"
            )
            rows, X = reader.read_all(files, photographs.progress(files, quiet=False))
            card, code = est.model_card(X, [answers[row] for row in rows]), reader.exit_code
        card = card.replace(f'load("{FILE}")', f"load({quoted(Path(args.model).name)})")
        if args.output is None:
            put(card.rstrip("\n"))
            return code
        with outputs.writing(args.output):
            replace_file(Path(args.output).resolve(), card.encode())
        return code
