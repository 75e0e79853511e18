"""The home of an agent: one folder with everything that is this party's alone.

identity.key    the party's Ed25519 key; whoever reads it is the party (0600)
joined.json     which coordinator it joined, with that one's key
agent.db        orders and reports, until the other side has them; pinned peers
policy.toml     what the party allows
tables/ models/ spool/ logs/ audit/ faults/
"""

import fcntl
import json
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from federation.errors import BadRequest, HomeInUse, Unavailable
from federation.wire.identity import Identity

_FOLDERS = ("tables", "models", "spool", "logs", "audit", "faults")
_LOCK_AGAIN_S = 0.05


@dataclass(frozen=True, slots=True)
class Joined:
    """The coordinator this party joined.

    Attributes:
        url: as it was given at the join.
        coordinator_key: its identity key, pinned at the join.
    """

    url: str
    party_id: str
    coordinator_key: bytes


class Home:
    """Paths below one folder, and the small files in it."""

    def __init__(self, root: Path, tables: Path | None = None) -> None:
        """Make the folder, readable by its owner alone, where it is missing.

        Args:
            tables: where the tables are instead; local parties of one machine may share them.
        """
        self.root = root.absolute()
        self.tables = (tables or self.root / "tables").absolute()
        self.models = self.root / "models"
        self.spool = self.root / "spool"
        self.logs = self.root / "logs"
        self.audit = self.root / "audit"
        self.faults = self.root / "faults"
        self.policy = self.root / "policy.toml"
        self.database = self.root / "agent.db"
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in _FOLDERS:
            (self.root / name).mkdir(mode=0o700, exist_ok=True)
        self.tables.mkdir(mode=0o700, parents=True, exist_ok=True)

    def identity(self) -> Identity:
        """The party's identity; made on first use.

        Raises:
            Unavailable: the key file is damaged.
        """
        path = self.root / "identity.key"
        if not path.exists():
            write_atomically(path, Identity.generate().to_bytes().hex().encode() + b"\n")
        try:
            return Identity.from_bytes(bytes.fromhex(path.read_text().strip()))
        except ValueError:
            raise Unavailable(f"{path} does not hold a key; restore it from a backup") from None

    def find_joined(self) -> Joined | None:
        """The coordinator this party joined, if it did."""
        path = self.root / "joined.json"
        if not path.exists():
            return None
        try:
            said = json.loads(path.read_text())
            return Joined(
                str(said["url"]), str(said["party_id"]), bytes.fromhex(said["coordinator_key"])
            )
        except (ValueError, KeyError, TypeError):
            raise Unavailable(f"{path} is damaged; join again with a new code") from None

    def get_joined(self) -> Joined:
        """The coordinator this party joined.

        Raises:
            BadRequest: it joined none.
        """
        joined = self.find_joined()
        if joined is None:
            raise BadRequest(
                f"{self.root} has joined no coordinator; get a code (coordinator invite --party ID)"
                f" and: party-agent join CODE --coordinator URL --home {self.root}"
            )
        return joined

    def keep_joined(self, joined: Joined) -> None:
        """Remember the coordinator."""
        said = {
            "url": joined.url,
            "party_id": joined.party_id,
            "coordinator_key": joined.coordinator_key.hex(),
        }
        write_atomically(self.root / "joined.json", json.dumps(said, indent=1).encode() + b"\n")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """While inside, no other daemon runs on this home; the lock goes with the process.

        Raises:
            HomeInUse: another one runs.
        """
        with (self.root / "lock").open("a") as file:
            for again in (True, True, True, False):
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:  # or somebody only looks who holds it
                    if not again:
                        raise HomeInUse(str(self.root)) from None
                    time.sleep(_LOCK_AGAIN_S)
            # Whoever finds the lock taken can read by whom.
            file.truncate(0)
            file.write(f"{os.getpid()}\n")
            file.flush()
            yield


def write_atomically(path: Path, content: bytes) -> None:
    """Replace a file, readable by its owner alone; after a crash it is the old or the new one."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        _write_new(temporary, content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _write_new(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
