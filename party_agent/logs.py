"""Log files of jobs, laid out as FATE's log archives are.

    logs/<job>/<role>/<party>/{INFO,ERROR,WARNING,DEBUG}.log
    logs/<job>/<role>/<party>/<component>/{...}.log

A line goes into the file of its level and of those that say more. All files of a seat are there
from the start. They may be shown to whoever may read the job's logs, so they hold names, counts and
places in the code; the text of an unforeseen error, which may quote a row, goes to `faults/`, which
never leaves the machine.
"""

import json
import tarfile
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from federation.spec.party import Party
from party_agent.names import file_name

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


class SeatLog:
    """Writes the log of one seat of one job, and of one component of it."""

    def __init__(self, logs: Path, job_id: str, seat: Party, component: str = "") -> None:
        self._component = component
        folder = logs / file_name(job_id) / seat.role.value / file_name(seat.party_id)
        folders = [folder, folder / file_name(component)] if component else [folder]
        for each in folders:
            each.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folders = folders
        self._files: dict[Path, IO[str]] = {}

    def touch(self) -> None:
        """Make every file that is missing."""
        for folder in self._folders:
            for level in LEVELS:
                (folder / f"{level}.log").touch(mode=0o600)

    def write(self, level: str, message: str, **facts: Any) -> None:
        """Write one line."""
        now = time.time()
        stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(now)) + f",{int(now % 1 * 1000):03d}"
        told = "".join(f" {name}={_shown(value)}" for name, value in facts.items())
        where = f" [{self._component}]" if self._component else ""
        line = f"[{level}] [{stamp}]{where} - {message}{told}\n"
        for folder in self._folders:
            for name in LEVELS[: LEVELS.index(level) + 1]:
                self._file(folder / f"{name}.log").write(line)

    def close(self) -> None:
        """Close the files."""
        for file in self._files.values():
            file.close()
        self._files.clear()

    def _file(self, path: Path) -> IO[str]:
        if path not in self._files:
            self._files[path] = path.open("a", encoding="utf-8", buffering=1)
        return self._files[path]


def places_of(error: BaseException) -> str:
    """Where an error came from, without what it says: type, and each call with file and line."""
    lines = [
        f"  {frame.filename}:{frame.lineno} in {frame.name}"
        for frame in traceback.extract_tb(error.__traceback__)
    ]
    return "\n".join([type(error).__qualname__, *lines])


def keep_fault(faults: Path, name: str, error: BaseException) -> Path:
    """Keep all of an unforeseen error where only this machine's owner reads it."""
    path = faults / f"{file_name(name)}.log"
    text = "".join(traceback.format_exception(error))
    with path.open("a", encoding="utf-8") as file:
        path.chmod(0o600)
        file.write(text + "\n")
    return path


def archive(logs: Path, job_id: str, role: str, into: IO[bytes]) -> None:
    """Write the logs of one role of a job as tar.gz; an unknown job gives an empty archive."""
    root = logs / file_name(job_id)
    with tarfile.open(fileobj=into, mode="w:gz", compresslevel=3) as packed:
        for path in _files_of(root, role):
            info = packed.gettarinfo(path, arcname=str(path.relative_to(root)))
            info.uname = info.gname = ""
            info.uid = info.gid = 0
            with path.open("rb") as file:
                packed.addfile(info, file)


def _files_of(root: Path, role: str) -> Iterator[Path]:
    folder = root / role if role else root
    yield from sorted(folder.rglob("*.log")) if folder.is_dir() else ()


def _shown(value: Any) -> str:
    if isinstance(value, str) and value and value.isprintable() and " " not in value:
        return value
    return json.dumps(value, ensure_ascii=False, default=str)
