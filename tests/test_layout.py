"""The rules of the house."""

import ast
import importlib
import inspect
import keyword
import re
from pathlib import Path

import pytest
from sklearn.base import BaseEstimator

import condcap_sk

ROOT = Path(condcap_sk.__file__).parent
TESTS = Path(__file__).parent
FILES = [path for path in ROOT.rglob("*.py") if path.name != "__init__.py"]
# A file imports from its own folder and from those to the right of it.
ORDER = ["__main__", "_command_line", "explorer",
         "captioner", "_card", "_card_texts", "_scoring", "_readback", "_answering", "_latents",
         "_saving", "_exporting", "inspection", "metrics", "export", "model", "gan", "vision",
         "text", "training", "_torch", "_persistence", "_fields", "datasets", "answers",
         "_validation", "_pixels", "_stored", "_processes", "_differences", "_warnings", "_links",
         "_version", "_bars", "_markdown", "_typing", "_lazy", "exceptions"]  # fmt: skip
PUBLIC = {
    "": {"ConditionalCaptioner", "__version__"},
    ".answers": {"EncodedAnswers"},
    ".datasets": {
        "fetch_grid_mnist",
        "load_flickr8k",
        "load_grid_digits",
        "make_captioned_shapes",
        "make_image_grid",
    },
    ".explorer": {"serve", "write_examples"},
    ".export": {"ExportedCaptioner"},
    ".gan": {"LatentGAN"},
    ".inspection": {
        "AttentionDisplay",
        "LabelFrequencyDisplay",
        "LatentMapDisplay",
        "LatentTraversalDisplay",
        "ReliabilityDisplay",
        "RiskCoverageDisplay",
        "describe_captions",
        "describe_latents",
        "find_latent",
    },
    ".metrics": {
        "best_of_k",
        "bleu",
        "bleu_score",
        "calibration_error",
        "caption_report",
        "cider",
        "cider_d",
        "conditional_mutual_information",
        "control_report",
        "control_score",
        "coverage",
        "dci",
        "dialogue_accuracy",
        "distinct_n",
        "expected_calibration_error",
        "fixed_latent_accuracy",
        "label_frequencies",
        "label_skew",
        "latent_error",
        "mig",
        "modularity",
        "mutual_bleu",
        "novelty",
        "oracle_score",
        "risk_coverage_curve",
        "rouge_l",
        "sap",
        "self_cider",
        "semantic_control",
        "total_variation",
        "uniqueness",
    },
    ".model": set(),
    ".text": {"CaptionCodec"},
    ".training": {"process_group"},
    ".vision": {"ImageEncoder", "LoadImages", "PretrainedFeatures", "drop_unreadable"},
}


def tree(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(path):
    """Names of the modules that a file imports; those of the package without its name."""
    folder = ["condcap_sk", *path.relative_to(ROOT).parts[:-1]]
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = folder[: len(folder) - node.level + 1] if node.level else []
            yield ".".join([*base, *([node.module] if node.module else [])])


TORCH_ONLY = [
    *ROOT.glob("*/modules.py"),
    *(ROOT / name for name in ("gan/consensus.py", "gan/losses.py", "text/search.py")),
    ROOT / "vision/matchers.py",
]


@pytest.mark.parametrize("path", TORCH_ONLY, ids=str)
def test__modules__torch_only__know_neither_sklearn_nor_skorch(path):
    # Not through a neighbour, either.
    seen, left = set(), [path]
    while left:
        for name in set(imports(left.pop())) - seen:
            seen.add(name)
            file = ROOT.parent / f"{name.replace('.', '/')}.py"
            left += [file] if file.exists() else []
    assert not {name.split(".")[0] for name in seen} & {"sklearn", "skorch"}


@pytest.mark.parametrize("path", FILES, ids=str)
def test__imports__every_file__point_downwards(path):
    here = path.relative_to(ROOT).with_suffix("").parts[0]
    for name in imports(path):
        if name.startswith("condcap_sk."):
            there = name.split(".")[1]
            assert here == there or ORDER.index(here) < ORDER.index(there)


@pytest.mark.parametrize("path", FILES, ids=str)
def test__module__has_a_test_twin(path):
    twin = TESTS / path.relative_to(ROOT).parent / f"test_{path.stem.strip('_')}.py"
    assert twin.exists()


@pytest.mark.parametrize("path", FILES, ids=str)
def test__file__and_its_functions__are_short(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= (500 if path.name == "captioner.py" else 400)
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            assert not body or body[-1].end_lineno - body[0].lineno < 60, node.name


@pytest.mark.parametrize("package", PUBLIC)
def test__public_names__are_these(package):
    module = importlib.import_module(f"condcap_sk{package}")
    assert set(module.__all__) == PUBLIC[package]
    assert all(hasattr(module, name) for name in module.__all__)


# Words that each would need a dictionary of this package's own.
DIALECT = re.compile(r"(^|_)(told|tells?|heard|hears?|said|says?|seen|speaks|players?)(_|$)", re.I)


@pytest.mark.parametrize("path", FILES, ids=str)
def test__identifiers__are_the_field_s_words(path):
    names = re.findall(r"[^\W\d]\w*", "\n".join(ast.unparse(tree(path)).splitlines()))
    code = {name for name in names if not keyword.iskeyword(name)}
    identifiers = {
        name
        for node in ast.walk(tree(path))
        for name in (
            getattr(node, "id", None),
            getattr(node, "attr", None),
            getattr(node, "arg", None),
            getattr(node, "name", None),
        )
        if isinstance(name, str) and name in code
    }
    assert not {name for name in identifiers if DIALECT.search(name)}


# The kind of answers, the objective and what G, D and Q get of an image are decided once.
MODE = re.compile(
    r"are_sentences|analyzer_? [!=]= 'label'|objective [!=]= '|images [!=]= '|has_decoder"
    r"|is_searched|is_costly|decoder_ is |reads_words|n_tokens is |gets_vectors|get_vectors"
)


def test__branches_on_a_mode__are_few():
    found = [
        f"{path.relative_to(ROOT)}:{condition.lineno}"
        for path in FILES
        for node in ast.walk(tree(path))
        for condition in (
            getattr(node, "ifs", [])
            if isinstance(node, ast.comprehension)
            else [node.test]
            if isinstance(node, ast.If | ast.IfExp | ast.While)
            else []
        )
        if MODE.search(ast.unparse(condition))
    ]
    assert len(found) <= 8, found


def public_classes():
    for package in PUBLIC:
        module = importlib.import_module(f"condcap_sk{package}")
        yield from (getattr(module, name) for name in module.__all__ if name[0].isupper())


@pytest.mark.parametrize("cls", list(public_classes()))
def test__public_class__has_its_own_file_and_test_file(cls):
    path = Path(inspect.getfile(cls))
    public = [node.name for node in tree(path).body
              if isinstance(node, ast.ClassDef) and node.name[0] != "_"]  # fmt: skip
    assert public == [cls.__name__]
    assert (TESTS / path.relative_to(ROOT).parent / f"test_{path.name}").exists()


@pytest.mark.parametrize("cls", [c for c in public_classes() if issubclass(c, BaseEstimator)])
def test__estimator__init__only_assigns(cls):
    (function,) = ast.parse(inspect.cleandoc("\n" + inspect.getsource(cls.__init__))).body
    for statement in function.body:
        if isinstance(statement, ast.Expr):
            # Parameters of the base class, each under its own name.
            assert ast.unparse(statement.value.func) == "super().__init__"
            assert not statement.value.args
            assert all(k.arg == ast.unparse(k.value) for k in statement.value.keywords)
        else:
            assert isinstance(statement, ast.Assign)
            assert ast.unparse(statement.targets[0]) == f"self.{ast.unparse(statement.value)}"
