"""serve: what is served to whom."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from urllib.error import HTTPError

import numpy as np
import pytest

from condcap_sk.explorer import serve, server, write_examples
from condcap_sk.explorer.server import make_server

NETWORK = {"file": "image.onnx", "bytes": 3, "sha256": "0" * 64}
FOREIGN = {"file": "../secret.txt", "bytes": 3, "sha256": "0" * 64}


@pytest.fixture
def page(tmp_path, monkeypatch):
    """A page that stands for the one that `make explorer` builds."""
    folder = tmp_path / "page"
    (folder / "ort").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html>")
    (folder / "app.js").write_text("1")
    (folder / "ort" / "ort.wasm").write_bytes(b"\0asm")
    monkeypatch.setattr(server, "PAGE", folder)
    return folder


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "my model"
    folder.mkdir()
    manifest = {
        "images": {"shape": [1, 2, 2]},
        "latents": {"bank": [[0]]},
        "networks": {
            "image": NETWORK,
            "other": FOREIGN,
            "absent": NETWORK | {"file": "no.onnx"},
            "page": NETWORK | {"file": "evil.html"},
        },
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "image.onnx").write_bytes(b"abc")
    (folder / "notes.txt").write_text("private")
    (folder / "evil.html").write_text("<script>")
    (tmp_path / "secret.txt").write_text("secret")
    return folder


@pytest.fixture
def served(page, folder):
    """The port of a server of `folder`."""
    write_examples(folder, np.ones((2, 2, 2)))
    with make_server(folder) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running.server_port
        running.shutdown()
        thread.join()


def ask(port, path="/", method="GET", **headers):
    """Return status, headers and content of an answer to a request."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.putrequest(method, path, skip_host="Host" in headers)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, answer.headers, content


@pytest.mark.parametrize(
    ("path", "kind", "content"),
    [
        ("/", "text/html; charset=utf-8", b"<!doctype html>"),
        ("/index.html?a=b", "text/html; charset=utf-8", b"<!doctype html>"),
        ("/app.js", "text/javascript; charset=utf-8", b"1"),
        ("/ort/ort.wasm", "application/wasm", b"\0asm"),
        ("/model/image.onnx", "application/octet-stream", b"abc"),
        ("/model/examples.bin", "application/octet-stream", np.ones(8, "<f4").tobytes()),
    ],
)
def test__serve__files__as_they_are(served, path, kind, content):
    status, headers, found = ask(served, path)
    assert (status, headers["Content-Type"], found) == (200, kind, content)
    status, headers, found = ask(served, path, "HEAD")
    assert (status, headers["Content-Length"], found) == (200, str(len(content)), b"")


@pytest.mark.skipif(not server.PAGE.exists(), reason="`make explorer` was not here")
def test__page__has_the_licence_of_its_runtime():
    text = (server.PAGE / "ort" / "LICENSE.txt").read_text(encoding="utf-8")
    assert "Copyright (c) Microsoft Corporation\n\nPermission is hereby granted" in text


def test__serve__models__names_the_folder(served):
    models = json.loads(ask(served, "/models.json")[2])
    assert models == [{"name": "my model", "path": "model/", "examples": True}]
    assert json.loads(ask(served, "/model/examples.json")[2])["n"] == 2


@pytest.mark.parametrize(
    "path",
    [
        "/model/", "/ort/", "/model/notes.txt", "/model/evil.html",
        "/model/../secret.txt", "/model/%2e%2e/secret.txt",
        "//etc/passwd", "/../../etc/passwd", "/model/no.onnx", "/page/index.html", "*",
    ],
)  # fmt: skip
def test__serve__anything_else__is_not_there(served, path):
    status, _, content = ask(served, path)
    assert (status, content) == (404, b"Not Found\n")


def test__serve__symbolic_links__lead_nowhere(page, folder):
    (folder / "image.onnx").unlink()
    try:
        (folder / "image.onnx").symlink_to(folder.parent / "secret.txt")
    except OSError:
        pytest.skip("symbolic links need a privilege here")
    with make_server(folder) as running:
        assert "/model/image.onnx" not in running.files


@pytest.mark.parametrize("path", ["/", "/model/manifest.json", "/nothing"])
@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:{port}"},
        {"Host": "127.0.0.1"},
        {"Host": ""},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "https://127.0.0.1:{port}"},
        {"Origin": "http://127.0.0.1:1"},
    ],
)
def test__serve__foreign_host_or_origin__is_refused(served, path, headers):
    headers = {name: value.format(port=served) for name, value in headers.items()}
    status, _, content = ask(served, path, **headers)
    assert (status, content) == (403, b"Forbidden\n")


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test__serve__its_own_host_and_origin__are_fine(served, name):
    host = f"{name}:{served}"
    assert ask(served, "/", Host=host, Origin=f"http://{host}")[0] == 200


def test__serve__the_default_port__is_left_out_by_browsers(page, folder):
    with make_server(folder) as running:
        port, running.server_port = running.server_port, 80
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        try:
            for host in ("127.0.0.1", "localhost", "127.0.0.1:80"):
                assert ask(port, "/", Host=host, Origin=f"http://{host}")[0] == 200
            assert ask(port, "/", Host="evil.example")[0] == 403
            assert ask(port, "/", Host="127.0.0.1", Origin="http://127.0.0.1:81")[0] == 403
        finally:
            running.shutdown()
            thread.join()


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "ANYTHING"])
def test__serve__other_methods__are_refused(served, method):
    status, headers, _ = ask(served, "/", method)
    assert status == 405
    assert headers["Allow"] == "GET, HEAD"


def test__serve__every_answer__has_headers_of_security(served):
    for path, status in (("/", 200), ("/nothing", 404)):
        found, headers, _ = ask(served, path)
        assert found == status
        policy = dict(rule.split(" ", 1) for rule in headers["Content-Security-Policy"].split("; "))
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == "'self' 'wasm-unsafe-eval'"
        assert policy["connect-src"] == "'self'"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cache-Control"] == "no-store"
        assert not any(name.startswith("Access-Control") for name in headers)
        assert "Python" not in headers["Server"]


def test__serve__listens_on_this_machine_alone(page, folder):
    with make_server(folder) as running:
        assert running.server_address[0] == "127.0.0.1"


def test__serve__a_port_in_use__says_what_to_pass(page, folder):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(OSError, match="Pass another one, or port=0"):
            serve(folder, port=taken.getsockname()[1], open_browser=False)


@pytest.mark.parametrize("port", [-1, 70000])
def test__serve__no_port__says_what_to_pass(page, folder, port):
    with pytest.raises(OSError, match=r"[^.]\. Pass another one, or port=0"):
        serve(folder, port=port, open_browser=False)


def test__address__that_cannot_be__is_known_before_there_is_a_model(page, monkeypatch):
    server.check_address(0)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(OSError, match="Pass another one, or port=0"):
            server.check_address(taken.getsockname()[1])
    # It is free again at once.
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server.check_address(port)
    server.check_address(port)
    monkeypatch.setattr(server, "PAGE", page / "nothing")
    with pytest.raises(FileNotFoundError, match="make explorer"):
        server.check_address(0)


def test__serve__no_export__says_how_to_make_one(page, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"est\.export"):
        serve(tmp_path, open_browser=False)


def test__serve__a_page_that_was_not_built__says_how_to_build_it(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(server, "PAGE", tmp_path / "nothing")
    with pytest.raises(FileNotFoundError, match="make explorer"):
        serve(folder, open_browser=False)


def test__serve__a_file_that_went_away__is_not_there(served, folder):
    (folder / "image.onnx").unlink()
    assert ask(served, "/model/image.onnx")[0] == 404


def test__serve__opens_the_browser_at_the_address(page, folder, monkeypatch, capsys):
    opened, has_opened = [], threading.Event()

    def browse(address):
        opened.append(address)
        has_opened.set()

    monkeypatch.setattr(server.webbrowser, "open", browse)
    monkeypatch.setattr(server.Server, "serve_forever", lambda self: has_opened.wait(10))
    serve(folder)
    assert f"The explorer is at {opened[0]}. Ctrl-C stops it." in capsys.readouterr().err
    addresses = []
    serve(folder, open_browser=False, ready=addresses.append)
    assert len(opened) == len(addresses) == 1
    assert capsys.readouterr() == ("", "")


def test__serve__a_browser_in_the_terminal__is_answered(page, folder, monkeypatch):
    # It returns when its user leaves it.
    seen, running = [], []

    def browse(address):
        with urllib.request.urlopen(address, timeout=5) as answer:
            seen.append(answer.read())
        running[0].shutdown()

    original = server.Server.serve_forever

    def noted(self):
        running.append(self)
        original(self, 0.01)

    monkeypatch.setattr(server.webbrowser, "open", browse)
    monkeypatch.setattr(server.Server, "serve_forever", noted)
    serve(folder)
    assert seen == [b"<!doctype html>"]


# What a program in the background starts ignores Ctrl-C otherwise.
PROGRAM = """
import signal
import sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from pathlib import Path
from condcap_sk.explorer import serve, server
server.PAGE = Path(sys.argv[1])
serve(sys.argv[2], open_browser=False, ready=lambda address: print(address, flush=True))
print("stopped")
"""


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C is no signal there")
def test__serve__ctrl_c__stops_it_without_a_traceback(page, folder):
    command = [sys.executable, "-c", PROGRAM, page, folder]
    with subprocess.Popen(command, stdout=-1, stderr=-1, text=True) as process:
        address = process.stdout.readline().strip()
        with urllib.request.urlopen(address, timeout=10) as answer:
            assert answer.read() == b"<!doctype html>"
        with pytest.raises(HTTPError, match="404"):
            urllib.request.urlopen(f"{address}nothing", timeout=10)
        process.send_signal(signal.SIGINT)
        try:
            output, errors = process.communicate(timeout=20)
        finally:
            process.kill()
    assert (process.returncode, output, errors) == (0, "stopped\n", "")
