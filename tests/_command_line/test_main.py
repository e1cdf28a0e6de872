"""The parser, exit codes, and how the program ends."""

import os
import re
import signal
import subprocess
import sys
import time

import pytest

from condcap_sk import __version__
from condcap_sk._command_line import main as program_file
from condcap_sk._command_line.caption import Caption
from condcap_sk._command_line.main import COMMANDS

PROGRAM = [sys.executable, "-m", "condcap_sk"]
NAMES = [command.NAME for command in COMMANDS]
# The parser alone, as if importing the package cost nothing.
LIGHT = """
import sys, types
package = types.ModuleType("condcap_sk")
package.__path__ = [sys.argv.pop(1)]
sys.modules["condcap_sk"] = package
from condcap_sk._command_line.main import main
try:
    main()
finally:
    heavy = {"torch", "numpy", "sklearn", "PIL", "tqdm"} & set(sys.modules)
    assert not heavy, heavy
"""


def test__commands__are_these():
    assert NAMES == ["fit", "caption", "report", "card", "export", "explore"]


def test__help__names_all_commands_and_exit_codes(program):
    code, out, err = program("--help")
    assert (code, err) == (0, "")
    assert all(re.search(rf"^    {name} ", out, re.MULTILINE) for name in NAMES)
    assert "exit code" in out


@pytest.mark.parametrize("command", COMMANDS, ids=NAMES)
def test__help__of_a_command__explains_every_argument_and_has_examples(program, command):
    code, out, _ = program(command.NAME, "--help")
    assert code == 0
    assert command.DESCRIPTION in out
    assert f"condcap_sk {command.NAME} " in command.EXAMPLES
    assert max(map(len, f"{command.DESCRIPTION}\n{command.EXAMPLES}".splitlines())) < 80
    parser = program_file.make_parser("condcap_sk")
    inner = parser._subparsers._group_actions[0].choices[command.NAME]
    assert all(action.help for action in inner._actions)


@pytest.mark.parametrize("command", COMMANDS, ids=NAMES)
def test__examples__are_commands_that_there_are(command):
    parser = program_file.make_parser("condcap_sk")
    for line in command.EXAMPLES.splitlines():
        words = re.split(r" [|>] ", line)[0].split()
        assert parser.parse_args(words[1:]).command is command


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["fit", "--help"]])
def test__help__imports_nothing_that_takes_long(arguments):
    folder = os.path.dirname(os.path.dirname(program_file.__file__))
    command = [sys.executable, "-c", LIGHT, folder, *arguments]
    subprocess.run(command, check=True, capture_output=True, timeout=60)


def test__version__is_that_of_the_package(program):
    assert program("--version") == (0, f"condcap_sk {__version__}\n", "")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["dream"],
        ["fit"],
        ["fit", "a", "b"],
        ["fit", "a", "b", "-o", "c", "--n-latents", "x"],
        ["fit", "a", "b", "-o", "c", "--n-categories", "2,x"],
        ["fit", "a", "b", "-o", "c", "--features", "resnet"],
        ["fit", "a", "b", "-o", "c", "--set", "mi_weight"],
        ["fit", "a", "b", "-o", "c", "--set", "n_latents=2"],
        ["caption", "m"],
        ["caption", "m", "a.jpg", "-n", "0"],
        ["caption", "m", "a.jpg", "-n", "-1"],
        ["caption", "m", "a.jpg", "--latent", "1,x"],
        ["caption", "m", "a.jpg", "--latent", "-n"],
        ["caption", "m", "a.jpg", "--latent", "1,inf"],
        ["caption", "m", "a.jpg", "--latent", "1", "-n", "2"],
        ["caption", "m", "a.jpg", "--js"],
        ["explore", "m", "--port", "x"],
    ],
)
def test__wrong_use__is_2_with_the_usage(program, arguments):
    code, out, err = program(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("usage: condcap_sk")
    assert "Traceback" not in err


def test__fault_of_ours__is_a_sentence_and_with_debug_a_traceback(program, monkeypatch):
    def fail(self, args):
        raise KeyError("gone")

    monkeypatch.setattr(Caption, "run", fail)
    code, out, err = program("caption", "m", "a.jpg")
    assert (code, out) == (2, "")
    assert re.fullmatch("condcap_sk caption: error: KeyError: 'gone'. That is a fault.*--debug.*\n",
                        err)  # fmt: skip
    with pytest.raises(KeyError):
        program("caption", "m", "a.jpg", "--debug")


def test__warnings__are_lines(program, monkeypatch):
    def warn(self, args):
        import warnings

        with warnings.catch_warnings(action="always"):
            warnings.warn("It is late.", UserWarning, stacklevel=1)
        return 0

    monkeypatch.setattr(Caption, "run", warn)
    assert program("caption", "m", "a.jpg") == (0, "", "condcap_sk caption: warning: It is late.\n")


# Output is kept until it is flushed, as users have it.
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": ""}


def start(*arguments, **options):
    return subprocess.Popen(
        [*PROGRAM, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, env=ENVIRONMENT, **options,
    )  # fmt: skip


@pytest.mark.skipif(sys.platform == "win32", reason="signals are others there")
def test__ctrl_c__in_a_fit__ends_it_with_130_and_leaves_nothing(folder, tmp_path):
    pytest.importorskip("efficientnet_lite_pytorch")
    before = sorted(os.listdir(tmp_path))
    process = start(
        "fit", folder, tmp_path / "captions.csv", "-o", tmp_path / "model.safetensors",
        "--features", "efficientnet_lite0", "--n-regions", "0", "--set", "codec__max_iter=10000000",
        # What a program in the background starts ignores Ctrl-C otherwise.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    try:
        printed = ""
        while "captions:" not in printed and process.poll() is None:
            printed += process.stderr.read(1)
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert out == ""
    assert "condcap_sk fit: stopped. Nothing was written." in err
    assert "Traceback" not in printed + err
    assert sorted(os.listdir(tmp_path)) == before


@pytest.mark.skipif(sys.platform == "win32", reason="pipes are others there")
def test__reader_that_has_enough__ends_it_in_silence(folder, pixel_model):
    process = start("caption", pixel_model, *[folder] * 100)
    first = process.stdout.readline()
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=60) == 141
    assert first.startswith(f"{folder}{os.sep}00.png\t")
    assert err == ""


@pytest.mark.skipif(sys.platform == "win32", reason="shells are others there")
@pytest.mark.parametrize(
    ("closed", "code", "printed"),
    [
        (">&-", 2, "condcap_sk caption: error: Standard output is closed."),
        ("2>&-", 1, "00.png\t"),
        (">&- 2>&-", 2, ""),
    ],
)
def test__outputs_that_are_closed__exit_code_is_right(folder, pixel_model, closed, code, printed):
    command = ["sh", "-c", f'exec "$@" {closed}', "sh", *PROGRAM, "caption", pixel_model]
    result = subprocess.run(
        [*command, folder / "00.png", folder / "no.png"], capture_output=True, text=True,
        timeout=60, check=False, env=ENVIRONMENT,
    )  # fmt: skip
    assert result.returncode == code
    assert printed in result.stdout + result.stderr
    assert "Traceback" not in result.stderr
    assert "\n\n" not in result.stdout + result.stderr


@pytest.mark.parametrize(
    "arguments", [["caption", "m", "a"], ["report", "m", "a", "b"], ["card", "m"]]
)
def test__output_that_is_closed__is_noticed_before_anything_is_read(monkeypatch, capsys, arguments):
    monkeypatch.setattr(sys, "stdout", None)
    assert program_file.main(arguments) == 2
    assert "error: Standard output is closed. Send" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="shells are others there")
def test__help__into_a_pipe_that_nobody_reads__is_silent():
    command = '{ sleep 1; "$@" --help; echo $? >&2; } | true'
    result = subprocess.run(
        ["bash", "-c", command, "sh", *PROGRAM], capture_output=True, text=True, timeout=60,
        check=False, env=ENVIRONMENT,
    )  # fmt: skip
    assert (result.stdout, result.stderr) == ("", "0\n")


def test__wrong_use__words_of_arguments__are_escaped(program):
    _, _, err = program("caption", "m", "a.jpg", "--\x1b[2J\n")
    assert err.endswith("unrecognized arguments: --\\x1b[2J\\n\n")


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--n-categories", "2,x", ["'2,x' is no number", "Pass 2 or more, such as 4"]),
        ("--n-categories", "1", ["'1' is no number", "Pass 2 or more, such as 4"]),
        ("--n-categories", "-2", ["'-2' is no number", "Pass 2 or more, such as 4"]),
        ("--n-jobs", "0", ["'0' is no number of threads", "or -1 for as many as there are"]),
        ("--n-jobs", "two", ["'two' is no number of threads"]),
        ("--set", "mi_weight", ["'mi_weight' is not NAME=VALUE, such as"]),
        ("--set", "n_latents=2", ["n_latents is set by", "Pass --n-latents."]),
        ("--set", "verbose=2", ["verbose is set by", "Leave it out."]),
        ("--set", "gan=2", ["gan is a part", "such as gan__max_iter=3000"]),
    ],
)
def test__wrong_value__is_named_and_what_to_type(program, option, value, words):
    _, _, err = program("fit", "a", "b", "-o", "c", f"{option}={value}")
    line = err.splitlines()[-1]
    assert line.startswith(f"condcap_sk fit: error: argument {option}: ")
    assert all(word in line for word in words)


@pytest.mark.skipif(
    not os.path.exists("/dev/full"), reason="there is no device that is always full"
)
def test__results_on_a_full_disk__are_an_error(folder, pixel_model):
    with open("/dev/full", "w") as full:
        result = subprocess.run(
            [*PROGRAM, "caption", pixel_model, folder], stdout=full, stderr=subprocess.PIPE,
            text=True, timeout=60, check=False, env=ENVIRONMENT,
        )  # fmt: skip
    assert result.returncode == 2
    assert result.stderr == "condcap_sk caption: error: No space left on device.\n"
