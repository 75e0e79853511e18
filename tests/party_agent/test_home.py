"""The home: who can read it, and who runs on it."""

import subprocess
import sys
from pathlib import Path

import pytest

from federation.errors import BadRequest, HomeInUse, Unavailable
from party_agent.home import Home, Joined, write_atomically


def test_the_key_is_made_once_and_is_for_its_owner_alone(tmp_path: Path) -> None:
    home = Home(tmp_path / "h")
    first = home.identity().public
    assert Home(tmp_path / "h").identity().public == first
    assert (home.root / "identity.key").stat().st_mode & 0o777 == 0o600
    assert home.root.stat().st_mode & 0o777 == 0o700


def test_a_damaged_key_is_not_replaced(tmp_path: Path) -> None:
    home = Home(tmp_path)
    (tmp_path / "identity.key").write_text("not a key")
    with pytest.raises(Unavailable, match="restore it"):
        home.identity()
    assert (tmp_path / "identity.key").read_text() == "not a key"


def test_what_was_joined_is_remembered(tmp_path: Path) -> None:
    joined = Joined("http://here:1", "9999", bytes(range(32)))
    Home(tmp_path).keep_joined(joined)
    assert Home(tmp_path).get_joined() == joined


def test_an_agent_that_joined_nobody_is_told_how(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="party-agent join CODE"):
        Home(tmp_path).get_joined()


def test_a_second_agent_on_one_home_is_refused(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with home.locked(), pytest.raises(HomeInUse), Home(tmp_path).locked():
        raise AssertionError("both hold the lock")
    with home.locked():
        assert int((tmp_path / "lock").read_text()) > 0


def test_somebody_who_only_looks_at_the_lock_does_not_keep_an_agent_out(tmp_path: Path) -> None:
    home = Home(tmp_path)
    look = (
        "import fcntl, sys, time; f = open(sys.argv[1], 'a'); fcntl.flock(f, fcntl.LOCK_EX);"
        "print(flush=True); time.sleep(0.08)"
    )
    command = [sys.executable, "-c", look, str(tmp_path / "lock")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as looker:
        assert looker.stdout is not None
        looker.stdout.readline()
        with home.locked():
            assert (tmp_path / "lock").exists()


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "f"
    write_atomically(path, b"old")
    with pytest.raises(TypeError):
        write_atomically(path, "not bytes")  # type: ignore[arg-type]
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
