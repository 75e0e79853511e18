import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from party_agent.tables.id_hashes import LONG_BYTES, IdHashes

IDS = st.lists(st.text(max_size=LONG_BYTES + 8), max_size=30)


@settings(deadline=None, max_examples=60)
@given(IDS)
def test_equal_ids_have_equal_hashes_and_no_others(ids: list[str]) -> None:
    hashes = IdHashes().of(pa.array(ids, pa.string()))
    assert len(hashes) == len(ids)
    assert len(set(hashes.tolist())) == len(set(ids))


@settings(deadline=None, max_examples=30)
@given(IDS, st.integers(0, 30))
def test_an_id_has_the_same_hash_in_whatever_block_it_comes(ids: list[str], cut: int) -> None:
    hashing, column = IdHashes(), pa.array(ids, pa.string())
    parts = [hashing.of(column.slice(0, cut)), hashing.of(column.slice(cut))]
    np.testing.assert_array_equal(np.concatenate(parts), hashing.of(column))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("a", "a\0"),
        ("", "\0"),
        ("abcd", "abcd\0\0\0\0"),
        ("xxxxxxx1yyyyyyy2", "xxxxxxx2yyyyyyy1"),
        ("x" * LONG_BYTES, "x" * (LONG_BYTES + 1)),
    ],
)
def test_ids_that_look_alike_are_told_apart(first: str, second: str) -> None:
    one, other = IdHashes().of(pa.array([first, second])).tolist()
    assert one != other


def test_many_numbers_collide_nowhere() -> None:
    ids = pa.array(np.arange(100_000).astype(str))
    assert len(np.unique(IdHashes().of(ids))) == 100_000


def test_another_table_has_other_hashes() -> None:
    ids = pa.array(["a"])
    assert IdHashes().of(ids) != IdHashes().of(ids)
