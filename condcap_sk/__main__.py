"""python -m condcap_sk"""

import sys

from ._command_line.main import main

if __name__ == "__main__":
    sys.exit(main(prog="python -m condcap_sk"))
