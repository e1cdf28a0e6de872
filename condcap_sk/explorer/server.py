"""serve: the explorer of an exported model, at an address of this machine alone."""

import json
import os
import re
import shutil
import sys
import threading
import webbrowser
from collections.abc import Callable, Iterator
from http import HTTPStatus
from http.client import HTTP_PORT
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer
from typing import Any

from .examples import INDEX as EXAMPLES
from .examples import read_manifest

PAGE = Path(__file__).with_name("page")  # built by `make explorer`
ADDRESS = "127.0.0.1"
OWN = {"manifest.json", EXAMPLES, "examples.bin", "pictures.bin"}
HEADERS = {
    # WebAssembly is compiled; nothing else is evaluated, and nothing comes from elsewhere.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; "
        "style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
}


def serve(
    export_folder: str | os.PathLike[str],
    *,
    port: int = 0,
    open_browser: bool = True,
    ready: Callable[[str], object] | None = None,
) -> None:
    """Show an exported model in the browser, until Ctrl-C.

    What is served is the page and the model's own files, to programs on this machine alone.

    Parameters
    ----------
    export_folder : str or path
        As `ConditionalCaptioner.export` wrote it; with images by `write_examples`, or without.
    port : int, default=0
        Of the address. 0: any that is free.
    open_browser : bool, default=True
        Open the address in the browser.
    ready : callable, default=None
        Gets the address as soon as it can be opened. None: it is printed to standard error.

    Raises
    ------
    FileNotFoundError
        If there is no exported model in `export_folder`, or the page has not been built.
    OSError
        If the port is in use.

    See Also
    --------
    write_examples : Images for the page to show.

    Examples
    --------
    >>> from condcap_sk.explorer import serve
    >>> serve("digits")                                          # doctest: +SKIP
    The explorer is at http://127.0.0.1:40013/. Ctrl-C stops it.
    """
    with make_server(Path(export_folder), port) as server:
        address = f"http://{ADDRESS}:{server.server_port}/"
        if ready is None:
            print(f"The explorer is at {address}. Ctrl-C stops it.", file=sys.stderr)
        else:
            ready(address)
        if open_browser:
            # Beside the server: a browser in the terminal returns when its user leaves it.
            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return


class Server(ThreadingHTTPServer):
    """Serves `files`, a dict of paths of addresses, and nothing else."""

    # A browser that keeps a connection open does not keep Ctrl-C from working.
    daemon_threads = True

    def __init__(self, port: int, files: dict[str, Path | bytes]) -> None:
        self.files = files
        super().__init__((ADDRESS, port), Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A browser that goes away in the middle is none.
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)

    def server_bind(self) -> None:
        # That of the base class looks its own name up, which takes seconds without a network.
        TCPServer.server_bind(self)
        self.server_name, self.server_port = ADDRESS, self.server_address[1]


def make_server(folder: Path, port: int = 0) -> Server:
    """Return a server of the page and of an exported model, which listens already."""
    return _listening(port, _files(folder))


def check_address(port: int) -> None:
    """Raise what `serve` would raise of the page and the port, before there is a model."""
    _page()
    _listening(port, {}).server_close()


def _listening(port: int, files: dict[str, Path | bytes]) -> Server:
    try:
        return Server(port, files)
    except (OSError, OverflowError) as error:
        reason = str(error).rstrip(".")
        raise OSError(
            f"port={port} cannot be had: {reason}. Pass another one, or port=0 for any that is "
            "free."
        ) from error


def _files(folder: Path) -> dict[str, Path | bytes]:
    """Return what is served: paths of addresses, and files or bytes."""
    manifest = read_manifest(folder)
    page = _page()
    files: dict[str, Path | bytes] = {f"/{name}": path for name, path in page.items()}
    files["/"] = page["index.html"]
    has_examples = (folder / EXAMPLES).is_file()
    model = {"name": folder.resolve().name, "path": "model/", "examples": has_examples}
    files["/models.json"] = json.dumps([model]).encode()
    names = {"manifest.json", *_named(manifest)}
    if has_examples:
        names |= OWN
    for name in names:
        # A manifest may come from anyone: it names files beside itself, and no others.
        path = folder / name
        is_known = name in OWN or re.fullmatch(r"[a-z_]{1,40}\.onnx", name)
        if is_known and path.is_file() and not path.is_symlink():
            files[f"/model/{name}"] = path
    return files


def _page() -> dict[str, Path]:
    """Return the files of the page, by their places in it."""
    page = {path.relative_to(PAGE).as_posix(): path for path in PAGE.rglob("*") if path.is_file()}
    if "index.html" not in page:
        raise FileNotFoundError(
            f"The explorer's page is not in {str(PAGE)!r}. Run `make explorer` in the sources, "
            "which needs Node.js, and install them again; or install a wheel, which has it."
        )
    return page


def _named(value: Any) -> Iterator[str]:
    """Yield the names of files in a manifest, wherever they stand."""
    if isinstance(value, dict):
        if isinstance(value.get("file"), str):
            yield value["file"]
        for part in value.values():
            yield from _named(part)
    elif isinstance(value, list):
        for part in value:
            yield from _named(part)


class Handler(BaseHTTPRequestHandler):
    """Answers GET and HEAD, of this machine's own pages."""

    protocol_version = "HTTP/1.1"
    timeout = 30  # seconds that a connection may say nothing
    server: Server

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def __getattr__(self, name: str) -> Any:
        # The other methods, which the base class looks up by name.
        if name.startswith("do_"):
            return self._refuse_method
        raise AttributeError(name)

    def _refuse_method(self) -> None:
        self._end(HTTPStatus.METHOD_NOT_ALLOWED, {"Allow": "GET, HEAD"})

    def _answer(self, with_body: bool) -> None:
        if not self._is_from_here():
            self._end(HTTPStatus.FORBIDDEN)
            return
        path = self.path.partition("?")[0]
        found = self.server.files.get(path)
        if found is None:
            self._end(HTTPStatus.NOT_FOUND)
            return
        if isinstance(found, bytes):
            self._begin(HTTPStatus.OK, len(found), TYPES[".json"])
            if with_body:
                self.wfile.write(found)
            return
        try:
            file = found.open("rb")
        except OSError:  # it was there when the server started
            self._end(HTTPStatus.NOT_FOUND)
            return
        with file:
            size = os.fstat(file.fileno()).st_size
            kind = TYPES.get(found.suffix, "application/octet-stream")
            self._begin(HTTPStatus.OK, size, kind)
            if with_body:
                shutil.copyfileobj(file, self.wfile)

    def _is_from_here(self) -> bool:
        """Whether no other site asks: neither under a name of its own, nor from its pages."""
        port = self.server.server_port
        hosts = {f"{ADDRESS}:{port}", f"localhost:{port}"}
        if port == HTTP_PORT:  # that browsers leave out
            hosts |= {ADDRESS, "localhost"}
        origin = self.headers.get("Origin")
        return self.headers.get("Host") in hosts and (
            origin is None or origin in {f"http://{host}" for host in hosts}
        )

    def _begin(
        self, status: HTTPStatus, size: int, kind: str, further: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        headers = {"Content-Type": kind, "Content-Length": str(size), **HEADERS}
        for name, value in (headers | (further or {})).items():
            self.send_header(name, value)
        self.end_headers()

    def _end(self, status: HTTPStatus, further: dict[str, str] | None = None) -> None:
        # What came with the request is not read.
        self.close_connection = True
        body = f"{status.phrase}\n".encode()
        self._begin(status, len(body), TYPES[".txt"], {"Connection": "close", **(further or {})})
        if self.command != "HEAD":
            self.wfile.write(body)

    def version_string(self) -> str:
        """Return nothing about versions."""
        return "condcap_sk"

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: standard error is for errors."""
