"""Settings: which source wins, and what a slip is answered with."""

import tomllib
from pathlib import Path

import pytest

from federation.errors import InvalidSettings
from party_agent.settings import Settings, load

DOCUMENTED = Path(__file__).parents[2] / "conf" / "party_agent.toml"


def test_the_documented_file_names_every_setting_with_its_default() -> None:
    text = DOCUMENTED.read_text()
    documented = tomllib.loads(text)
    defaults = Settings().model_dump(mode="json")
    assert documented == {name: value for name, value in defaults.items() if value is not None}
    assert all(f"\n# {name} = " in text for name, value in defaults.items() if value is None)


def test_flags_win_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_text('cores = 1\ngpus = 1\nlog_level = "debug"\n')
    environment = {"TRIPACT_AGENT_CORES": "2", "TRIPACT_AGENT_GPUS": "2"}
    settings = load({"cores": 3, "gpus": None}, file, environment)
    assert (settings.cores, settings.gpus, settings.log_level) == (3, 2, "debug")


def test_a_file_in_the_home_is_read(tmp_path: Path) -> None:
    (tmp_path / "party_agent.toml").write_text("spare_workers = 7\n")
    assert load({"home": tmp_path}, environment={}).spare_workers == 7


def test_a_slip_is_answered_with_what_was_meant(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_text("spare_worker = 1\n")
    with pytest.raises(InvalidSettings, match=r"did you mean spare_workers\?"):
        load({}, file, {})


@pytest.mark.parametrize("text", ["gpus = -2", "cores = [", "backoff_first_s = 0"])
def test_a_value_out_of_range_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "a.toml"
    file.write_text(text)
    with pytest.raises(InvalidSettings):
        load({}, file, {})
