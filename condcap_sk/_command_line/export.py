"""condcap_sk export: a model as networks for other programs."""

from argparse import ArgumentParser, Namespace

from . import models, outputs
from .command import Command


class Export(Command):
    """Export a model."""

    NAME = "export"
    SUMMARY = "write a model as ONNX networks, which need neither torch nor condcap_sk"
    DESCRIPTION = """\
Write a model's networks in the form of ONNX, which other programs and web
pages run, with a manifest of all else: its vocabulary, its latents, versions.
Each is compared with the model when it is written. It needs: pip install
'condcap_sk[export]'. condcap_sk.export.ExportedCaptioner in Python answers
from the folder, and the page of `explore` shows it. With --force, an earlier
export is replaced, and no other folder."""
    EXAMPLES = """\
  condcap_sk export model.safetensors exported
  condcap_sk export model.safetensors exported --force
"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        models.add_model(parser)
        parser.add_argument("folder", metavar="FOLDER", help="to write; it is made")
        outputs.add_force(parser)

    def run(self, args: Namespace) -> int:
        outputs.check_folder(args.folder, args.force)
        est = models.load(args.model)
        est.export(args.folder, overwrite=args.force)
        return 0
