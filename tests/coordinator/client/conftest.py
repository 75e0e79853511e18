"""flow-client in this process, as its console script runs it."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from coordinator.client.cli import main


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Ran]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Runs flow-client with arguments; nothing of this user's settings is seen."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("TRIPACT_URL", raising=False)
    monkeypatch.chdir(tmp_path)

    def with_arguments(*arguments: object) -> Ran:
        monkeypatch.setattr(sys, "argv", ["flow-client", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as raised:
            main()
            raise SystemExit(0)
        told = capsys.readouterr()
        return Ran(int(raised.value.code or 0), told.out, told.err)

    return with_arguments


@pytest.fixture
def flow(run: Run, live: Any, monkeypatch: pytest.MonkeyPatch) -> Run:
    """flow-client that knows the coordinator's address."""
    monkeypatch.setenv("TRIPACT_URL", live.url)
    return run


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, Any], Path]:
    def to_file(name: str, value: Any) -> Path:
        path = tmp_path / name
        path.write_text(value if isinstance(value, str) else json.dumps(value))
        return path

    return to_file
