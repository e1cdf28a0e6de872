"""DocumentationLink: the page of an estimator, in its HTML representation."""

from importlib.metadata import PackageNotFoundError, metadata

PACKAGE = __name__.partition(".")[0]


class DocumentationLink:
    """Where scikit-learn's HTML representation of an estimator links to.

    The address of the site stands in one place, the project's URLs in setup.cfg, from where an
    installation takes it. Without it there is no link.
    """

    _doc_link_module = PACKAGE
    _doc_link_template = "{address}"

    def _doc_link_url_param_generator(self) -> dict[str, str]:
        site = documentation()
        return {"address": f"{site}/generated/{public_path(type(self))}.html" if site else ""}


def documentation() -> str:
    """Return the address of the documentation, or "" where none is known."""
    try:
        urls = metadata(PACKAGE).get_all("Project-URL") or []
    except PackageNotFoundError:  # run from the sources
        return ""
    found = dict(url.split(", ", 1) for url in urls)
    return found.get("Documentation", "").rstrip("/")


def public_path(cls: type) -> str:
    """Return the path by which users import a class: its package, without its file."""
    return f"{cls.__module__.rpartition('.')[0]}.{cls.__name__}"
