"""The demo is the first thing anybody sees."""

import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[2]
DEMO = (sys.executable, "-m", "examples.demo")


def left_behind(folder: Path) -> list[str]:
    """Processes that still name a folder, and what is in it."""
    processes = [
        " ".join(process.info["cmdline"] or [])
        for process in psutil.process_iter(["cmdline"])
        if str(folder) in " ".join(process.info["cmdline"] or [])
    ]
    return processes + [str(path) for path in folder.iterdir()]


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "TMPDIR": str(folder)}


def test_the_demo_agrees_with_pooled_data_and_leaves_nothing() -> None:
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            DEMO,
            cwd=ROOT,
            env=environment(Path(folder)),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        aucs = re.findall(r"AUC +([0-9.]+)", done.stdout)
        assert aucs == ["0.975186", "0.975186"]
        assert "What left each party" in done.stdout
        assert left_behind(Path(folder)) == []


def test_up_runs_until_ctrl_c() -> None:
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            [*DEMO, "--keep", "--port", "0"],
            cwd=ROOT,
            env=environment(Path(folder)),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line
            if "Ctrl-C" in line:
                break
        assert process.poll() is None, said
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
        assert left_behind(Path(folder)) == []
