"""FATE 2.2.0 standalone beside ours: its CoordinatedLR on the same rows, where its server runs.

FATE lives in an environment of its own, under `$TRIPACT_PEERS` or `~/.cache/tripact-peers`:

    python3.11 -m venv ~/.cache/tripact-peers/fate && cd ~/.cache/tripact-peers/fate/bin
    ./pip install 'fate_client[fate,fate_flow]==2.2.0' 'pandas<2.3'
    ./fate_flow init --ip 127.0.0.1 --port 9380 --home /tmp/fate
    ./pipeline init --ip 127.0.0.1 --port 9380
    PATH=$PWD:$PATH ./fate_flow start

`TRIPACT_FATE_URL` names another server. What an epoch takes is the difference of two trainings, of
two epochs and of one. That is minutes, so `TRIPACT_FATE_RUNS` says how many are measured, 1 by
default. Figures of FATE that were not measured beside ours are not printed by benchmarks.
"""

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from benchmarks.peers import peer_python

KEY_BITS = 2048
_URL = "http://127.0.0.1:9380"
_PROGRAM = Path(__file__).with_name("fate_peer_program.py")
_TRIED_S = 5

Epoch = Callable[[], float]
"""Seconds of one epoch, measured anew."""


def server_url() -> str:
    """Where FATE's server is."""
    return os.environ.get("TRIPACT_FATE_URL", _URL)


def runs() -> int:
    """How many times FATE is measured."""
    return int(os.environ.get("TRIPACT_FATE_RUNS", "1"))


@contextmanager
def fate(files: Mapping[str, Path]) -> Iterator[Epoch | None]:
    """FATE with these tables uploaded, or None with a line on stderr where it is not running.

    Args:
        files: the guest's and the host's CSV files.
    """
    python, url = peer_python("fate", "fate_peer.py"), server_url()
    if python is None or not answers(url):
        yield None
        return
    command = [str(python), str(_PROGRAM), url, str(KEY_BITS), str(files["guest"])]
    with subprocess.Popen(
        [*command, str(files["host"])],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            _line(process)
            yield lambda: _fitted(process, 2) - _fitted(process, 1)
        finally:
            process.kill()


def _fitted(process: "subprocess.Popen[str]", epochs: int) -> float:
    assert process.stdin is not None
    process.stdin.write(f"{epochs}\n")
    process.stdin.flush()
    return float(json.loads(_line(process)))


def _line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise RuntimeError(
            "FATE's client has ended; run benchmarks/fate_peer_program.py to see why"
        )
    return line


def answers(url: str) -> bool:
    """Whether a FATE server is there; a line on stderr says if not."""
    try:
        with urllib.request.urlopen(f"{url}/v2/server/fateflow", timeout=_TRIED_S):
            return True
    except urllib.error.HTTPError:
        return True  # some answer, of some version
    except OSError:
        sys.stderr.write(f"no FATE server answers at {url}; see benchmarks/fate_peer.py\n")
        return False
