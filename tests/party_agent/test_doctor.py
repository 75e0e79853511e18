"""What the doctor says of the ways to count."""

from pathlib import Path

import pytest

from party_agent.doctor import examine


def told_of_kernels(home: Path) -> str:
    (finding,) = (found for found in examine(home) if found.subject == "kernels")
    assert finding.good
    return finding.told


def test_where_large_batches_go_is_told_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TRIPACT_KERNELS", raising=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert told_of_kernels(tmp_path).endswith(
        "; large batches stay there: there is no GPU, or none that this process may use"
    )


def test_a_path_that_was_asked_for_is_told_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRIPACT_KERNELS", "portable")
    told = told_of_kernels(tmp_path)
    assert told.startswith("portable on ")
    assert "TRIPACT_KERNELS asks for the portable path; gmpy2 counts instead" in told
