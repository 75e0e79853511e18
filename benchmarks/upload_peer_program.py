"""Uploads a CSV file into FATE 2.2 once; started by `upload.py` with FATE's Python.

Prints the seconds that its client waited until the table was there, as JSON.
"""

import contextlib
import json
import sys
import time

from benchmarks.fate_peer_program import upload


def main() -> None:
    """Upload and measure; FATE's own words go to stderr."""
    with contextlib.redirect_stdout(sys.stderr):
        began = time.perf_counter()
        upload("host", sys.argv[1])
        took_s = time.perf_counter() - began
    sys.stdout.write(json.dumps(took_s) + "\n")


if __name__ == "__main__":
    main()
