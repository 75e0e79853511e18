import pytest
from hypothesis import given
from hypothesis import strategies as st

from party_agent.names import file_name

LONG = "x" * 500
NAMES = st.text(st.characters(codec="utf-8"), min_size=1)


@given(NAMES)
def test_a_file_name_is_one_step_below_its_folder(name: str) -> None:
    safe = file_name(name)
    assert safe.isascii()
    assert not safe.startswith(".")
    assert "/" not in safe
    assert len(safe) <= 180


@given(NAMES, NAMES)
def test_names_that_differ_have_files_that_differ(one: str, other: str) -> None:
    assert (file_name(one) == file_name(other)) == (one == other)


def test_nobody_can_write_a_name_that_looks_like_a_cut_one() -> None:
    assert file_name(file_name(LONG)) != file_name(LONG) != file_name(f"{LONG}x")


def test_a_name_is_not_empty() -> None:
    with pytest.raises(ValueError, match="empty"):
        file_name("")
