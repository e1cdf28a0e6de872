"""How the site is built: ``make docs``. Nothing is fetched from the network."""

import importlib
import re
import sys
import warnings
from pathlib import Path

from sphinx.domains.python import PyXRefRole
from sphinx.pycode import ModuleAnalyzer
from sphinx_gallery.sorting import ExplicitOrder

from condcap_sk import __version__

sys.path.insert(0, str(Path(__file__).parent))  # for `gallery_setup`

project = "condcap_sk"
author = "the condcap_sk developers"
version = release = __version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
# The gallery has texts of its own, which it writes into `gallery`.
exclude_patterns = ["gallery/**/*.ipynb", "gallery/**/*.py", "gallery/**/*.md5", "gallery/*.zip"]
templates_path = ["_templates"]
myst_enable_extensions = ["colon_fence", "dollarmath", "deflist", "attrs_inline"]
myst_heading_anchors = 3
default_role = "docstring"
smartquotes = False  # default="auto" is copied, and found by the links of tooltips

# Names that are not ours, which nothing here can resolve: there is no intersphinx, as it reads from
# the network. Single backticks in docstrings are links where there is something to link to.
nitpicky = True
nitpick_ignore_regex = [
    ("py:obj", ".*"),
    ("py:.*", r"(numpy|np|scipy|sklearn|torch|nn|skorch|matplotlib|pandas)\..*"),
]

autosummary_generate = True
autodoc_typehints = "none"  # numpydoc's sections have the types
numpydoc_show_class_members = False  # the template of classes lists them
numpydoc_show_inherited_class_members = False
numpydoc_use_plots = False

PACKAGES = [
    "",
    ".metrics",
    ".inspection",
    ".vision",
    ".text",
    ".gan",
    ".datasets",
    ".export",
    ".answers",
    ".training",
    ".explorer",
]
PUBLIC = {
    f"condcap_sk{package}.{name}": getattr(module, name)
    for package in PACKAGES
    for module in [importlib.import_module(f"condcap_sk{package}")]
    for name in module.__all__
}
FULL_NAMES = {name.rpartition(".")[2]: name for name in PUBLIC}


class DocstringRole(PyXRefRole):
    """What single backticks mean: a public name of any subpackage, or one of the same class."""

    def process_link(self, env, refnode, has_explicit_title, title, target):
        title, target = super().process_link(env, refnode, has_explicit_title, title, target)
        refnode["reftype"] = "obj"
        name, _, rest = target.partition(".")
        return title, ".".join(filter(None, [FULL_NAMES.get(name, name), rest]))


def link_to_pages(app, docname, source):
    """Turn links to examples' files, which work in the repository, into links to their pages."""
    source[0] = re.sub(r"\]\(((?:\.\./)*)\.\./examples/(\w+)\.py\)", r"](\1gallery/\2)", source[0])
    if docname == "explorer" and not app.config.has_explorer:
        without = "(It is not part of this site, which was built without `make explorer`.)"
        source[0] = re.sub('<a href="explore/.*', without, source[0])


def find_source(app, module):
    """Return a module's code, and where names are in it.

    Methods also by the names of classes that inherit them, by which they are documented.
    """
    if module.partition(".")[0] != project:
        return None
    analyzer = ModuleAnalyzer.for_module(module)
    analyzer.find_tags()
    inherited = {
        cls.__name__ + name.removeprefix(base.__name__): place
        for cls in PUBLIC.values()
        for base in getattr(cls, "__mro__", ())
        if base.__module__ == module
        for name, place in analyzer.tags.items()
        if name.startswith(f"{base.__name__}.")
    }
    return analyzer.code, inherited | analyzer.tags


def setup(app):
    role = DocstringRole()
    role.name = "py:obj"

    def docstring(name, *args, **kwargs):
        return role("py:obj", *args, **kwargs)

    app.add_role("docstring", docstring)
    # Pages are read again when it changes.
    app.add_config_value("has_explorer", EXPLORER.exists(), "env", bool)
    app.connect("source-read", link_to_pages)
    app.connect("viewcode-find-source", find_source)


# The order of the gallery, from what everybody needs to what few do. Two are executed at a time: a
# short one comes last.
LESSONS = [
    "plot_grids.py",
    "plot_label_sets.py",
    "plot_photographs.py",
    "plot_scenes.py",
    "plot_steering.py",
    "plot_categories.py",
    "plot_dialogue.py",
    "plot_attention.py",
    "plot_scripts.py",
    "plot_own_network.py",
    "plot_learning_curves.py",
    "plot_grid_search.py",
    "plot_pipeline.py",
    "plot_export.py",
    "plot_how_good.py",
    "plot_ancestors.py",
    "plot_confidence.py",
    "plot_caption_metrics.py",
    "grid_mnist.py",
    "search_by_halving.py",
    "search_on_a_cluster.py",
    "fit_by_processes.py",
    "explore_latents.py",
]
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"/plot_",  # the others need minutes, data or several processes
    "within_subsection_order": ExplicitOrder([*LESSONS, "*"]),
    "doc_module": ("condcap_sk",),
    "backreferences_dir": "generated/backreferences",
    "reference_url": {"condcap_sk": None},
    "parallel": True,  # as many as sphinx is given by -j
    "reset_modules": ("matplotlib", "seaborn", "gallery_setup.prepare"),
    "abort_on_example_error": False,
    "show_memory": False,
    "show_signature": False,
    "remove_config_comments": True,
    "matplotlib_animations": False,
    "plot_gallery": "True",
    "default_thumb_file": str(Path(__file__).with_name("latent_map.png")),
}
# Fits of few steps, as in the examples; of the build itself, figures are drawn and never shown.
warnings.filterwarnings("ignore", message="FigureCanvasAgg is non-interactive")
# Examples leave models in the memory of their process; joblib then takes a new one.
warnings.filterwarnings("ignore", message="A worker stopped while some jobs were given")

html_theme = "pydata_sphinx_theme"
html_title = f"condcap_sk {version}"
html_static_path = []
# The explorer, in the folder `explore`, if `make explorer` was here before.
EXPLORER = Path(__file__).parents[1] / "build" / "explorer"
html_extra_path = [str(EXPLORER)] if EXPLORER.exists() else []
html_show_sourcelink = False
html_theme_options = {
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "header_links_before_dropdown": 6,
}
html_sidebars = {"start": [], "how_it_works": []}
