"""The command: what it prints, and how it ends."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
import structlog
from typer.testing import CliRunner, Result

from federation.channel import LedgerRow
from federation.wire.identity import Identity, fingerprint
from party_agent.audit import Audit
from party_agent.cli import cli
from party_agent.home import Home, Joined
from party_agent.policy import What, read_policy

KEY = fingerprint(bytes(32))


@pytest.fixture(autouse=True)
def own_logs() -> Iterator[None]:
    """The command sets logs up for its process; here that is the tests' own."""
    handlers = logging.getLogger().handlers[:]
    yield
    structlog.reset_defaults()
    logging.getLogger().handlers[:] = handlers


def run(home: Path, *words: str) -> Result:
    return CliRunner().invoke(cli, [*words, "--home", str(home)])


def test_a_grant_is_added_and_a_check_tells_of_it(tmp_path: Path) -> None:
    ask = ("--component", "HeteroLR", "--role", "guest")
    refused = run(tmp_path, "policy", "check", *ask)
    assert refused.exit_code == 1
    assert "party-agent grant --component HeteroLR --role guest" in refused.stderr
    granted = run(tmp_path, "grant", *ask)
    assert granted.exit_code == 0
    assert 'components = ["HeteroLR"]' in granted.stdout
    assert run(tmp_path, "policy", "check", *ask).exit_code == 0
    assert len(read_policy(tmp_path / "policy.toml").allow) == 1


@pytest.mark.parametrize("what", get_args(What))
def test_every_kind_of_question_can_be_granted(tmp_path: Path, what: str) -> None:
    assert run(tmp_path, "grant", "--what", what, "--role", "guest").exit_code == 0
    (rule,) = read_policy(tmp_path / "policy.toml").allow
    assert rule.what == what


def test_a_check_without_a_question_sums_the_policy_up(tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text("least_rows = 7\nleast_bin_rows = 3\n")
    said = run(tmp_path, "policy", "check").stdout
    assert "default refuse" in said
    assert "7 rows" in said
    assert "bins of 3" in said


def test_a_policy_that_is_none_is_told_with_its_flaw(tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text("[[alow]]\n")
    answer = run(tmp_path, "policy", "check")
    assert answer.exit_code == 1
    assert "did you mean 'allow'" in answer.stderr


def test_trust_pins_a_key_and_fingerprint_shows_it(tmp_path: Path) -> None:
    Home(tmp_path).keep_joined(Joined("http://c:1", "9999", Identity.generate().public))
    assert run(tmp_path, "trust", "10000", KEY).exit_code == 0
    said = json.loads(run(tmp_path, "fingerprint", "--json").stdout)
    assert said["peers"] == {"10000": KEY}
    assert said["fingerprint"] == fingerprint(Home(tmp_path).identity().public)
    assert said["coordinator"]


@pytest.mark.parametrize("key", ["", "abcd", KEY[:-1], KEY[:-1] + "g"])
def test_a_slip_in_a_fingerprint_pins_nothing(tmp_path: Path, key: str) -> None:
    assert run(tmp_path, "trust", "10000", key).exit_code == 1
    assert json.loads(run(tmp_path, "fingerprint", "--json").stdout)["peers"] == {}


def test_an_altered_audit_is_found(tmp_path: Path) -> None:
    audit = Audit(Home(tmp_path).audit)
    row = LedgerRow("j1", "t", 0, "lr_0", "guest:1", "host:2", (), "x", "int", "", 19)
    audit.note(row, inside=False)
    audit.close_all()
    assert run(tmp_path, "audit", "verify", "j1").exit_code == 0
    path = audit.path("j1")
    path.write_text(path.read_text().replace('"bytes":19', '"bytes":20'))
    answer = run(tmp_path, "audit", "verify", "j1")
    assert answer.exit_code == 1
    assert "altered" in answer.stderr


def test_what_left_is_shown_from_the_partys_own_files(tmp_path: Path) -> None:
    audit = Audit(Home(tmp_path).audit)
    to_host = ("j1", "t", 0, "lr_0", "guest:1", "host:2")
    for size in (19, 21):
        audit.note(LedgerRow(*to_host, (), "forward", "Encrypted", "", size), inside=False)
    audit.note(LedgerRow(*to_host, (), "done", "bool", "", 5), inside=False)
    audit.note(LedgerRow(*to_host, (), "own", "int", "", 7), inside=True)
    audit.close_all()
    shown = run(tmp_path, "audit", "show", "j1").stdout.splitlines()
    assert [line.split()[:7] for line in shown[1:]] == [
        ["lr_0", "forward", "guest:1", "host:2", "Encrypted", "2", "40"],
        ["lr_0", "done", "guest:1", "host:2", "bool", "1", "5"],
    ]
    every = json.loads(run(tmp_path, "audit", "show", "j1", "--json").stdout)
    assert [row["bytes"] for row in every] == [19, 21, 5]
    (listed,) = json.loads(run(tmp_path, "audit", "list", "--json").stdout)
    assert (listed["job_id"], listed["letters"], listed["bytes"]) == ("j1", 3, 45)
    assert run(tmp_path, "audit", "list").stdout.splitlines()[1].split()[:3] == ["j1", "3", "45"]


@pytest.mark.parametrize("verb", ["show", "verify"])
def test_a_job_for_which_nothing_left_is_no_audit(tmp_path: Path, verb: str) -> None:
    answer = run(tmp_path, "audit", verb, "j1")
    assert (answer.exit_code, answer.stderr) == (
        1,
        "party-agent: no letter of job j1 left this party\n",
    )


def test_running_without_having_joined_says_how_to_join(tmp_path: Path) -> None:
    answer = run(tmp_path, "run")
    assert answer.exit_code == 1
    assert "coordinator invite --party" in answer.stderr


def test_an_unknown_setting_is_wrong_usage(tmp_path: Path) -> None:
    (tmp_path / "party_agent.toml").write_text("spare_worker = 1\n")
    answer = run(tmp_path, "run")
    assert answer.exit_code == 2
    assert "did you mean spare_workers?" in answer.stderr


def test_the_doctor_finds_a_key_that_others_can_read(tmp_path: Path) -> None:
    Home(tmp_path).identity()
    assert run(tmp_path, "doctor").exit_code == 0
    (tmp_path / "identity.key").chmod(0o644)
    answer = run(tmp_path, "doctor", "--json")
    assert answer.exit_code == 1
    found = {each["subject"]: each["good"] for each in json.loads(answer.stdout)}
    assert found == {
        **dict.fromkeys(
            ("versions", "session crypto", "kernels", "curve", "event loop", "policy"), True
        ),
        "home": False,
    }
