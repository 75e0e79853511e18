"""Settings: which source wins, and what a slip is answered with."""

import tomllib
from pathlib import Path

import pytest

from coordinator.settings import Settings, load
from federation.errors import InvalidSettings

DOCUMENTED = Path(__file__).parents[2] / "conf" / "coordinator.toml"


def test_the_documented_file_names_every_setting_with_its_default() -> None:
    documented = tomllib.loads(DOCUMENTED.read_text())
    defaults = {
        name: str(value) if isinstance(value, Path) else value
        for name, value in Settings().model_dump().items()
    }
    assert documented == defaults


def test_flags_win_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text('port = 1\nhost = "10.0.0.1"\nlog_level = "debug"\n')
    environment = {
        "TRIPACT_COORDINATOR_PORT": "2",
        "TRIPACT_COORDINATOR_HOST": "10.0.0.2",
    }
    settings = load({"port": 3, "host": None}, file, environment)
    assert (settings.port, settings.host, settings.log_level) == (3, "10.0.0.2", "debug")


def test_a_file_in_the_home_is_read(tmp_path: Path) -> None:
    (tmp_path / "coordinator.toml").write_text("port = 4242\n")
    assert load({"home": tmp_path}, environment={}).port == 4242


def test_a_slip_is_answered_with_what_was_meant(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text("prot = 1\nagent_grace = 3\n")
    with pytest.raises(InvalidSettings) as caught:
        load({}, file, {})
    assert "did you mean port?" in str(caught.value)
    assert "did you mean agent_grace_s?" in str(caught.value)


def test_a_slip_in_the_environment_is_named_with_its_variable() -> None:
    with pytest.raises(InvalidSettings, match="TRIPACT_COORDINATOR_PROT"):
        load({}, environment={"TRIPACT_COORDINATOR_PROT": "1"})


@pytest.mark.parametrize("text", ["port = 65536", "port = [", "agent_grace_s = -1", 'host = ""'])
def test_a_value_out_of_range_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "c.toml"
    file.write_text(text)
    with pytest.raises(InvalidSettings):
        load({}, file, {})


def test_a_file_that_was_named_and_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match="No such file"):
        load({}, tmp_path / "absent.toml", {})


def test_the_database_is_in_the_home_unless_it_is_named(tmp_path: Path) -> None:
    assert load({"home": tmp_path}, environment={}).database_url.endswith("/coordinator.db")
    named = load({"database": "postgresql://u@h/d"}, environment={})
    assert named.database_url == "postgresql://u@h/d"
