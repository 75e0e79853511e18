"""Start a standalone coordinator in a home of its own, and stop it without leaving a trace."""

import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

START_LIMIT_S = 30.0
STOP_LIMIT_S = 10.0


@dataclass(slots=True)
class Standalone:
    """A standalone coordinator as a process of its own; its agents start when they are named.

    Attributes:
        home: where it keeps everything.
        port: 0 takes a free one at the first start, and the same one after that.
    """

    home: Path
    port: int = 0
    url: str = ""
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def start(self) -> None:
        """Start it and wait until it answers.

        Raises:
            RuntimeError: it did not start.
        """
        note = self.home / "coordinator.json"
        note.unlink(missing_ok=True)
        command = [
            *(sys.executable, "-m", "coordinator", "standalone"),
            *("--home", str(self.home), "--port", str(self.port)),
        ]
        with self._log.open("ab") as log:
            # A session of its own, so that Ctrl-C reaches the caller first, who then stops it.
            self.process = subprocess.Popen(
                command, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        deadline = time.monotonic() + START_LIMIT_S
        while not note.exists():
            if time.monotonic() > deadline or self.process.poll() is not None:
                said = self._log.read_text(errors="replace")[-2000:]
                self.stop()
                raise RuntimeError(f"the coordinator did not start:\n{said}")
            time.sleep(0.02)
        self.url = str(json.loads(note.read_text())["url"])
        self.port = int(self.url.rsplit(":", 1)[1])

    def stop(self) -> None:
        """End it and its agents."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it with SIGKILL; its agents live on for a while, looking for it."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    @property
    def _log(self) -> Path:
        return self.home / "coordinator.out"


@contextmanager
def standalone(port: int = 0) -> Iterator[Standalone]:
    """A standalone coordinator for the length of a `with`.

    Args:
        port: 0 takes a free one.

    Raises:
        RuntimeError: it did not start.
    """
    with tempfile.TemporaryDirectory(prefix="tripact-") as folder:
        running = Standalone(Path(folder), port)
        running.start()
        try:
            yield running
        finally:
            running.stop()
