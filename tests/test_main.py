"""python -m condcap_sk."""

import subprocess
import sys


def test__module__is_the_program():
    command = [sys.executable, "-m", "condcap_sk"]
    shown = subprocess.run([*command, "--help"], capture_output=True, text=True, check=True)
    assert shown.stdout.startswith("usage: python -m condcap_sk ")
    wrong = subprocess.run([*command, "dream"], capture_output=True, text=True, check=False)
    assert wrong.returncode == 2
    assert not wrong.stdout
