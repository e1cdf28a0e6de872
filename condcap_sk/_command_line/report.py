"""condcap_sk report: how good a model is on photographs that it was not fitted on."""

from argparse import ArgumentParser, Namespace
from typing import Any

from . import models, photographs, tables
from .command import Command
from .console import check_output, put


class Report(Command):
    """Judge a model."""

    NAME = "report"
    SUMMARY = "judge a model by photographs that it was not fitted on"
    DESCRIPTION = """\
Judge a model by photographs that it was not fitted on, and people's captions
of them: how good one caption is, how good the best of 20 is, and how different
they are. The figures are those of condcap_sk.metrics.caption_report or, of a
model of labels, of control_report; the table has labels as captions, then.
They take some tenths of a second for each photograph. Photographs that cannot
be read are left out and named, and the exit code is 1."""
    EXAMPLES = """\
  condcap_sk report model.safetensors photographs new.csv
  condcap_sk report model.safetensors photographs new.csv --json > new.json
"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        models.add_model(parser)
        tables.add_table(parser)
        parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
        photographs.add_reading(parser)

    def run(self, args: Namespace) -> int:
        check_output()
        files, captions = tables.read_table(args)
        est = models.load(args.model, args.device)
        answers = models.as_answers(est, args.model, captions)
        reader = models.reader_of(
            est, args.model, resize=args.resize, device=args.device, prefix="condcap_sk report"
        )
        rows, X = reader.read_all(files, photographs.progress(files, quiet=False))

        import json

        from ..metrics import caption_report, control_report

        judges: dict[bool, Any] = {True: caption_report, False: control_report}
        found = judges[est.model_.are_sentences](
            est, X, [answers[row] for row in rows], output_dict=args.json
        )
        put(json.dumps(found, indent=2) if args.json else str(found))
        return reader.exit_code
