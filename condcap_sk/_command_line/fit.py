"""condcap_sk fit: photographs and captions → a model file."""

import ast
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from typing import Any

from . import outputs, photographs, tables
from .command import Command
from .console import report

NETWORKS = {"efficientnet_lite0": 224, "efficientnet_lite2": 260}  # and the size of their images
DECIDED = ("n_latents", "n_categories", "n_regions", "analyzer", "device", "n_jobs", "random_state",
           "verbose", "warm_start", "image_shape")  # fmt: skip


class Fit(Command):
    """Learn a model from a folder of photographs and a table of captions."""

    NAME = "fit"
    SUMMARY = "learn a model from photographs and a table of their captions"
    DESCRIPTION = """\
Learn a model from a folder of photographs and a table of captions, several for
each photograph.

From 160 photographs that takes about a minute, from 6 000 an hour of one core;
a network that was trained on ImageNet looks at each photograph first, in a
tenth of a second. Nothing is downloaded. It needs: pip install
'condcap_sk[pretrained]'. Options have the names and the meaning of those of
ConditionalCaptioner and PretrainedFeatures in Python.

Photographs that cannot be read are left out and named, and the exit code is 1."""
    EXAMPLES = """\
  condcap_sk fit photographs captions.csv -o model.safetensors
  condcap_sk fit Images captions.txt -o model.safetensors --n-latents 3
"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        tables.add_table(parser)
        parser.add_argument(
            "-o", "--output", metavar="MODEL", required=True,
            help="the file to write, such as model.safetensors",
        )  # fmt: skip
        outputs.add_force(parser)
        parser.add_argument(
            "--n-latents", type=int, default=16, metavar="N",
            help="numbers that choose among the captions of a photograph (default: 16; of three, "
            "`explore` makes a globe)",
        )  # fmt: skip
        parser.add_argument(
            "--n-categories", type=_categories, metavar="N[,N…]",
            help="categories that do so, too (default: none)",
        )  # fmt: skip
        parser.add_argument(
            "--analyzer", choices=("auto", "word", "char", "label"), default="auto",
            help="what captions are made of; label: a caption is one of a few answers (default: "
            "auto)",
        )  # fmt: skip
        parser.add_argument(
            "--features", choices=tuple(NETWORKS), default="efficientnet_lite2",
            help="the network that looks at photographs (default: efficientnet_lite2, the better "
            "and slower one)",
        )  # fmt: skip
        parser.add_argument(
            "--n-regions", type=int, default=16, metavar="N",
            help="regions of a photograph that each word can look at, a square number, or 0 "
            "(default: 16)",
        )  # fmt: skip
        parser.add_argument(
            "--random-state", type=int, default=0, metavar="SEED",
            help="the same seed, data and options give the same model (default: 0)",
        )  # fmt: skip
        parser.add_argument(
            "--n-jobs", type=int, metavar="N", help="CPU threads (default: as many as there are)"
        )
        parser.add_argument(
            "--device", default="auto", help="auto, cpu, cuda, cuda:0 or mps (default: auto)"
        )
        parser.add_argument(
            "--set", action="append", type=_setting, default=[], metavar="NAME=VALUE",
            help="any other parameter of ConditionalCaptioner, such as gan__max_iter=3000; may be "
            "given several times",
        )  # fmt: skip
        parser.add_argument(
            "--checkpoints", metavar="FOLDER",
            help="keep there how far the fit has come: the same command goes on from it",
        )  # fmt: skip
        parser.add_argument("-q", "--quiet", action="store_true", help="no progress bars")

    def run(self, args: Namespace) -> int:
        outputs.check_file(args.output, args.force)
        files, captions = tables.read_table(args)

        import numpy as np
        from sklearn.pipeline import make_pipeline

        from .._torch.threads import limited_threads
        from ..vision import LoadImages, PretrainedFeatures

        n_regions = args.n_regions or None
        size = NETWORKS[args.features]
        load = LoadImages(size=size)
        features = PretrainedFeatures(args.features, n_regions=n_regions, device=args.device)
        est = self._estimator(args, n_regions)
        # What is wrong with them is found before photographs are looked at, which takes long.
        features.transform(np.zeros((1, size, size, 3), dtype=np.uint8))
        reader = photographs.Reader([load, features], "condcap_sk fit")
        with limited_threads(args.n_jobs):
            rows, X = reader.read_all(files, photographs.progress(files, args.quiet))
        captions = [captions[row] for row in rows]
        est.fit(X, captions, checkpoints=args.checkpoints)
        with outputs.writing(args.output):
            est.save(args.output, preprocessor=make_pipeline(load, features))
        report(
            f"condcap_sk fit: {args.output} knows {len(rows):,} photographs with "
            f"{sum(map(len, captions)):,} captions."
        )
        return reader.exit_code

    def after_interrupt(self, args: Namespace) -> str:
        if args.checkpoints is None:
            return super().after_interrupt(args)
        return f"The same command goes on from what is in {args.checkpoints!r}."

    def _estimator(self, args: Namespace, n_regions: int | None) -> Any:
        """Return the unfitted captioner."""
        from ..captioner import ConditionalCaptioner

        est = ConditionalCaptioner(
            args.n_latents, n_categories=args.n_categories, analyzer=args.analyzer,
            n_regions=n_regions, device=args.device, n_jobs=args.n_jobs,
            random_state=args.random_state, verbose=int(not args.quiet),
        )  # fmt: skip
        est.set_params(**dict(args.set))
        for part in (est, est.codec, est.image_encoder, est.gan):
            if part is not None:
                part._validate_params()
        return est


def _categories(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))


def _setting(text: str) -> tuple[str, Any]:
    """Return name and value of NAME=VALUE; a value is a literal of Python, or else a str."""
    name, sign, value = text.partition("=")
    if not sign or name in DECIDED:
        raise ArgumentTypeError(
            f"{text!r} is not NAME=VALUE." if not sign else f"{name} has an option of its own."
        )
    try:
        return name, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return name, value
