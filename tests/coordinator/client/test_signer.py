"""Who signs: what `flow-client init` keeps, and what the environment says."""

import os
import stat
from pathlib import Path

import pytest

from coordinator.client.options import save_url, settings_path, use_kept_app
from coordinator.client.signer import APP_KEY, SECRET_KEY, Signer


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine on which nothing was kept, and nobody is named; all as before afterwards."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    for name in (APP_KEY, SECRET_KEY):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


def test_nobody_signs_unless_somebody_is_named() -> None:
    save_url("http://127.0.0.1:9380")
    use_kept_app()
    assert Signer.of_environment() is None


def test_the_app_that_init_keeps_signs_and_its_secret_is_the_owners_alone() -> None:
    save_url("http://127.0.0.1:9380", 'key "a"', "s\\ecret")
    use_kept_app()
    assert Signer.of_environment() == Signer('key "a"', "s\\ecret")
    assert stat.S_IMODE(settings_path().stat().st_mode) == 0o600


def test_the_environment_comes_before_what_was_kept() -> None:
    save_url("http://127.0.0.1:9380", "kept", "secret")
    os.environ[APP_KEY], os.environ[SECRET_KEY] = "named", "other"
    use_kept_app()
    assert Signer.of_environment() == Signer("named", "other")


def test_every_request_has_a_nonce_of_its_own() -> None:
    signer = Signer("key", "secret")
    first, second = (signer.headers("/v1/version/get", b"{}") for _ in range(2))
    assert first["NONCE"] != second["NONCE"]
    assert first["SIGNATURE"] != second["SIGNATURE"]
