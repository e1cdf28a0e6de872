"""condcap_sk caption: photographs → captions."""

import math
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Iterator
from typing import Any

from . import models, photographs
from .command import Command
from .console import UsageError, check_output, in_line, put, quoted


class Caption(Command):
    """Write captions of photographs."""

    NAME = "caption"
    SUMMARY = "write captions of photographs"
    DESCRIPTION = """\
Write captions of photographs: a line for each caption, with the name of the
photograph, a tab and the caption. Lines come as soon as they are there.

The model's file knows how photographs are to be looked at. Those that cannot
be read are named, the others are captioned, and the exit code is 1; if there
are no others, it is 2. A name with a tab, a line break or another control
character is written in quotes, as JSON has it. Names that begin with a minus
come after --."""
    EXAMPLES = """\
  condcap_sk caption model.safetensors holiday.jpg
  condcap_sk caption model.safetensors holiday/ -n 5 > captions.tsv
  condcap_sk caption model.safetensors *.jpg --latent 0.3,-1.2,0.8
  condcap_sk caption model.safetensors holiday/ --json | jq .caption
"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        models.add_model(parser)
        parser.add_argument(
            "photographs", metavar="PHOTO", nargs="+",
            help="files, or folders, of which all photographs are meant, however deep; links to "
            "folders in them are not followed",
        )  # fmt: skip
        which = parser.add_mutually_exclusive_group()
        which.add_argument(
            "-n", type=_count, metavar="N", dest="n_samples",
            help="so many different captions of each photograph, the best first",
        )  # fmt: skip
        which.add_argument(
            "--latent", type=_latent, metavar="C1,C2,…",
            help="one latent for all photographs: one point of view. 0 for each number is no good "
            "choice, draws from the normal distribution are",
        )  # fmt: skip
        parser.add_argument(
            "--json", action="store_true",
            help='a line of JSON for each caption: {"image": …, "caption": …, "latent": […]}. The '
            "latent is what the model infers from the caption; under it, sentences come out alike, "
            "seldom the same",
        )  # fmt: skip
        photographs.add_reading(parser)

    def run(self, args: Namespace) -> int:
        check_output()
        files = photographs.find(args.photographs)
        est = models.load(args.model, args.device)
        reader = models.reader_of(
            est, args.model, resize=args.resize, device=args.device, prefix="condcap_sk caption"
        )
        n_numbers = est.sample_latents().shape[1]
        if args.latent is not None and len(args.latent) != n_numbers:
            raise UsageError(
                f"--latent has {len(args.latent)} numbers, and {args.model!r} takes {n_numbers}: "
                f"pass {n_numbers}."
            )
        write = _write_json if args.json else _write_line
        # Captions that come on a terminal are progress enough.
        is_watched = sys.stdout.isatty()
        bar = photographs.progress(files, quiet=is_watched, leave=False)
        with bar:
            for rows, X in reader.batches(files):
                for place, caption, latent in _captions(est, X, args):
                    write(files[rows[place]], caption, latent)
                bar.update(rows[-1] + 1 - bar.n)
        return reader.exit_code

    def after_interrupt(self, args: Namespace) -> str:
        return "What was printed is right; the rest is missing."


def _captions(est: Any, X: Any, args: Namespace) -> Iterator[tuple[int, Any, Any]]:
    """Yield captions: the row in `X`, the caption and, for JSON, its latent."""
    import numpy as np

    if args.n_samples is None:
        captions = [[caption] for caption in est.predict(X, args.latent).tolist()]
    else:
        captions = est.sample(X, args.n_samples)
    places = np.repeat(np.arange(len(X)), [len(some) for some in captions])
    flat = [caption for some in captions for caption in some]
    latents = [args.latent] * len(flat)
    if args.json and args.latent is None:
        latents = est.infer_latent(X[places], flat)
    yield from zip(places.tolist(), flat, latents, strict=True)


def _write_line(file: str, caption: Any, latent: Any) -> None:
    put(f"{in_line(file)}\t{in_line(caption)}")


def _write_json(file: str, caption: Any, latent: Any) -> None:
    # JSON has no infinite numbers, which labels may be.
    if isinstance(caption, float) and not math.isfinite(caption):
        caption = str(caption)
    # The shortest numbers that are read as the same again.
    put(quoted({"image": file, "caption": caption, "latent": [float(str(x)) for x in latent]}))


def _count(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise ArgumentTypeError(f"{text!r} is no number of captions. Pass 1 or more.")
    return int(text)


def _latent(text: str) -> list[float]:
    try:
        found = [float(part) for part in text.split(",")]
    except ValueError:
        found = [math.nan]
    if not all(map(math.isfinite, found)):
        raise ArgumentTypeError(
            f"{text!r} is not numbers with commas between them, such as 0.3,-1.2,0.8"
        )
    return found
