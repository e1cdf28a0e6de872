"""condcap_sk explore: a page in the browser on which a model's latent is dragged."""

import tempfile
from argparse import ArgumentParser, Namespace
from pathlib import Path

from . import models, photographs
from .command import Command
from .console import UsageError, report

SIZE = 224  # pixels of photographs on the page


class Explore(Command):
    """Open a model in the browser."""

    NAME = "explore"
    SUMMARY = "drag a model's latent in the browser, and see the answers change"
    DESCRIPTION = """\
Open a page in the browser on which the latent of a model is dragged, and the
answers of all pictures change. The page is served by this program, on this
machine alone (127.0.0.1), until Ctrl-C; nothing is sent elsewhere. It needs:
pip install 'condcap_sk[export]'."""
    EXAMPLES = """\
  condcap_sk explore model.safetensors holiday/
  condcap_sk explore model.safetensors holiday/ --port 8000 --no-browser
"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        models.add_model(parser)
        parser.add_argument(
            "photographs", metavar="PHOTO", nargs="*",
            help="photographs that the page shows, or folders of them, 400 in all; a model that "
            "`fit` wrote has nothing to show without",
        )  # fmt: skip
        parser.add_argument(
            "--port", type=int, default=0, metavar="N", help="of the page (default: a free one)"
        )
        parser.add_argument(
            "--no-browser", action="store_true", help="print the address, and open no browser"
        )
        photographs.add_reading(parser)

    def run(self, args: Namespace) -> int:
        files = photographs.find(args.photographs)

        from ..explorer import serve, write_examples
        from ..explorer.examples import MOST
        from ..explorer.server import check_address
        from ..export.writer import check_extra
        from ..vision import LoadImages

        # What can be refused at once is refused before the model is loaded and exported.
        if len(files) > MOST:
            raise UsageError(
                f"The page shows {MOST} photographs at most, and these are {len(files)}. Pass "
                "fewer."
            )
        check_extra()
        check_address(args.port)
        est = models.load(args.model)
        if not files and len(est.image_shape_) == 1:
            raise UsageError(
                f"{args.model!r} takes vectors of photographs, of which the page makes none. Pass "
                "photographs, or a folder of them."
            )
        code = 0
        if files:
            reader = models.reader_of(
                est, args.model, resize=args.resize, device=args.device, prefix="condcap_sk explore"
            )
            rows, X = reader.read_all(files, photographs.progress(files, quiet=False))
            pictures = LoadImages(size=SIZE).transform([files[row] for row in rows])
            code = reader.exit_code
        with tempfile.TemporaryDirectory(prefix="condcap_sk-") as folder:
            exported = Path(folder) / Path(args.model).stem  # a name that the page shows
            try:
                est.export(exported)
                if files:
                    write_examples(exported, X, pictures=pictures)
            except OSError as error:
                raise UsageError(
                    f"The folder for temporary files, {tempfile.gettempdir()!r}, cannot take the "
                    f"export: {error.__cause__ or error}. Make room there, or set TMPDIR to "
                    "another."
                ) from error
            serve(
                exported, port=args.port, open_browser=not args.no_browser,
                ready=lambda address: report(f"condcap_sk explore: {address} (Ctrl-C stops it)"),
            )  # fmt: skip
        return code
