"""Start a standalone coordinator in a home of its own, and stop it without leaving a trace."""

import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

START_LIMIT_S = 30.0
STOP_LIMIT_S = 10.0


@dataclass(frozen=True, slots=True)
class Running:
    """A coordinator that answers at `url` and keeps its files under `home`."""

    url: str
    home: Path
    process: subprocess.Popen[bytes]


@contextmanager
def standalone(port: int = 0) -> Iterator[Running]:
    """A coordinator for the length of a `with`; its agents start when a job names them.

    Args:
        port: 0 takes a free one.

    Raises:
        RuntimeError: it did not start.
    """
    with tempfile.TemporaryDirectory(prefix="tripact-") as folder:
        home = Path(folder)
        log = (home / "coordinator.out").open("wb")
        command = [
            *(sys.executable, "-m", "coordinator", "standalone"),
            *("--home", str(home), "--port", str(port)),
        ]
        # A group of its own, so that Ctrl-C reaches this program first and it stops the others.
        process = subprocess.Popen(
            command, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            yield Running(_address(process, home), home, process)
        finally:
            log.close()
            _stop(process)


def _address(process: subprocess.Popen[bytes], home: Path) -> str:
    deadline = time.monotonic() + START_LIMIT_S
    note = home / "coordinator.json"
    while time.monotonic() < deadline and process.poll() is None:
        if note.exists():
            return str(json.loads(note.read_text())["url"])
        time.sleep(0.02)
    _stop(process)
    said = (home / "coordinator.out").read_text(errors="replace")[-2000:]
    raise RuntimeError(f"the coordinator did not start:\n{said}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_LIMIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
