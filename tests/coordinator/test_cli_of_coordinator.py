"""The command `coordinator`: what it prints, and how it ends."""

import asyncio
import json
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from coordinator.app import VERSION, Coordinator, listen
from coordinator.cli import cli
from coordinator.settings import Settings
from federation.errors import AddressTaken, HomeInUse


def run(*arguments: str) -> Any:
    return CliRunner().invoke(cli, list(arguments), env={"TRIPACT_COORDINATOR_LOG_LEVEL": "error"})


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_an_invite_names_the_code_the_commands_and_the_fingerprint(tmp_path: Path) -> None:
    said = run("invite", "--party", "9999", "--home", str(tmp_path)).output
    fingerprint = run("fingerprint", "--home", str(tmp_path)).output.strip()
    assert "party-agent join" in said
    assert fingerprint in said


def test_an_invite_in_json_can_be_read_by_programs(tmp_path: Path) -> None:
    said = json.loads(
        run(
            "invite", "--party", "09999", "--valid", "30m", "--json", "--home", str(tmp_path)
        ).output
    )
    assert (said["party_id"], said["valid_s"]) == ("9999", 1800)
    assert len(said["code"].replace("-", "")) == 8 + 26


@pytest.mark.parametrize("valid", ["soon", "0h", "-1h", "h", "1w"])
def test_a_time_that_is_none_is_refused_as_wrong_usage(tmp_path: Path, valid: str) -> None:
    assert run("invite", "--party", "1", "--valid", valid, "--home", str(tmp_path)).exit_code == 2


def test_the_key_stays_the_same_and_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    first = run("fingerprint", "--home", str(tmp_path)).output
    assert run("fingerprint", "--home", str(tmp_path)).output == first
    assert stat.S_IMODE((tmp_path / "identity.key").stat().st_mode) == 0o600


def test_no_party_has_joined_a_new_coordinator(tmp_path: Path) -> None:
    assert "coordinator invite" in run("parties", "--home", str(tmp_path)).output
    assert json.loads(run("parties", "--json", "--home", str(tmp_path)).output) == []


def test_migrating_twice_is_fine(tmp_path: Path) -> None:
    for _ in range(2):
        assert run("migrate", "--home", str(tmp_path)).exit_code == 0


def test_the_version_is_printed() -> None:
    assert VERSION in run("version").output


def test_an_unknown_setting_is_wrong_usage_with_a_proposal(tmp_path: Path) -> None:
    (tmp_path / "coordinator.toml").write_text("prot = 1\n")
    result = run("serve", "--home", str(tmp_path))
    assert result.exit_code == 2
    assert "did you mean port?" in result.output


def test_a_port_that_is_taken_is_named_and_ends_with_69(tmp_path: Path, taken_port: int) -> None:
    result = run("serve", "--home", str(tmp_path), "--port", str(taken_port))
    assert result.exit_code == 69
    assert str(taken_port) in result.output


def test_a_database_of_another_kind_is_named(tmp_path: Path) -> None:
    result = run("serve", "--home", str(tmp_path), "--database", "mysql://u@h/d")
    assert result.exit_code == 2
    assert "database" in result.output


def test_a_database_that_is_away_is_named_without_its_password(tmp_path: Path) -> None:
    database = "postgresql://u:secret@127.0.0.1:1/d"
    result = run("serve", "--home", str(tmp_path), "--database", database)
    assert result.exit_code == 1
    assert "can not be opened" in result.output
    assert "secret" not in result.output


async def test_a_second_coordinator_on_the_same_home_is_refused(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, port=0)
    first = Coordinator(settings, standalone=False)
    await first.start()
    try:
        with pytest.raises(HomeInUse):
            await Coordinator(settings, standalone=False).start()
    finally:
        await first.stop()


async def test_a_running_coordinator_is_found_by_its_file_which_goes_with_it(
    tmp_path: Path,
) -> None:
    coordinator = Coordinator(Settings(home=tmp_path, port=0), standalone=True)
    address = await coordinator.start()
    found = json.loads((tmp_path / "coordinator.json").read_text())
    assert found["url"] == address.url
    await coordinator.stop()
    assert not (tmp_path / "coordinator.json").exists()


async def test_a_coordinator_with_nothing_to_do_stops_at_once(tmp_path: Path) -> None:
    coordinator = Coordinator(Settings(home=tmp_path, port=0), standalone=True)
    await coordinator.start()
    async with asyncio.timeout(2.0):
        await coordinator.stop()


def test_an_address_that_is_not_of_this_machine_is_refused() -> None:
    with pytest.raises(AddressTaken):
        listen("203.0.113.1", 0)
