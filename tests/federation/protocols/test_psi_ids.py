"""Ids: which are matched, and how they are hashed and ordered."""

import base64
import hashlib

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.errors import BlankIds, DuplicateIds, InvalidParameters
from federation.protocols.psi import EcdhOptions, RawOptions, RsaOptions
from federation.protocols.psi.ids import Ids, encoded, hash_of


@given(st.lists(st.text(), unique=True, max_size=30))
def test_the_order_is_that_of_the_utf8_bytes(ids: list[str]) -> None:
    rows = Ids(ids).in_order(np.arange(len(ids)))
    assert [ids[row] for row in rows] == sorted(ids, key=lambda text: text.encode())


def test_ids_that_begin_alike_are_ordered_by_what_follows_and_by_length() -> None:
    ids = ["a", "a\0", "a\0\0", "ab", "a" * 8, "a" * 9, "a" * 8 + "\0", "b", "a" * 31, "é"]
    for column in (ids, [*ids, "a" * 40]):
        rows = Ids(column).in_order(np.arange(len(column)))
        assert [column[row] for row in rows] == sorted(column, key=lambda text: text.encode())


def test_a_column_of_a_table_is_read_wherever_it_begins() -> None:
    column = pa.chunked_array([["x", "a"], [None, "bc"]], pa.string())
    assert list(Ids(column)) == ["x", "a", "", "bc"]
    assert list(Ids(column.combine_chunks()[1:]).texts) == [b"a", b"", b"bc"]
    assert list(Ids(column[3:]).salted("+s").padded(np.array([0]), 8)[0]) == [*b"bc+s\x80\0\0\0"]


def test_repeated_ids_are_counted_and_not_shown() -> None:
    with pytest.raises(DuplicateIds) as caught:
        Ids(["a", "b", "a", "a"]).check()
    assert caught.value.facts == {"rows": 2}
    assert "keep one row" in caught.value.message


@pytest.mark.parametrize("blank", ["", " ", "\t", "\u3000"])
def test_blank_ids_are_counted(blank: str) -> None:
    with pytest.raises(BlankIds) as caught:
        Ids(["a", blank]).check()
    assert caught.value.facts == {"rows": 1}


def test_ids_that_only_look_alike_are_different() -> None:
    Ids(["a", "A", " a", "a ", "\u00e9", "e\u0301"]).check()


@pytest.mark.parametrize("method", ["md5", "sha1", "sha224", "sha256", "sha384", "sha512"])
def test_a_hash_is_the_one_of_its_name(method: str) -> None:
    assert hash_of(method.upper())(b"abc") == hashlib.new(method, b"abc").digest()


def test_sm3_is_the_published_one() -> None:
    # GB/T 32905-2016, appendix A.1
    expected = "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
    assert hash_of("sm3")(b"abc").hex() == expected


def test_the_salt_stands_behind_the_id() -> None:
    assert encoded(["ab"], "none", "c") == [b"abc"]
    assert encoded(["a"], "sha256", "bc") == [hashlib.sha256(b"abc").digest()]


def test_raw_ids_are_written_as_asked() -> None:
    digest = hashlib.md5(b"abc").digest()
    assert RawOptions().written(["ab"]) == ["ab"]
    assert RawOptions(hash_method="md5", salt="c").written(["ab"]) == ["ab"]
    hashed = RawOptions(use_hash=True, hash_method="md5", salt="c")
    assert hashed.written(["ab"]) == [digest.hex()]
    based = RawOptions(use_hash=True, hash_method="md5", salt="c", base64=True)
    assert based.written(["ab"]) == [base64.b64encode(digest).decode()]


def test_options_that_mean_nothing_are_refused_by_their_path() -> None:
    with pytest.raises(InvalidParameters, match=r"rsa_params\.hash_method"):
        RsaOptions(hash_method="crc32")
    with pytest.raises(InvalidParameters, match=r"rsa_params\.key_length"):
        RsaOptions(key_length=1 << 20)
    with pytest.raises(InvalidParameters, match=r"ecdh_params\.curve"):
        EcdhOptions(curve="p256")
    with pytest.raises(InvalidParameters, match=r"raw_params\.join_role"):
        RawOptions(join_role="arbiter")


def test_signatures_are_never_sent_unhashed() -> None:
    with pytest.raises(InvalidParameters, match=r"rsa_params\.final_hash_method"):
        RsaOptions(final_hash_method="none")


def test_an_old_short_key_length_is_raised() -> None:
    assert RsaOptions(key_length=1024).key_bits == 2048
    assert RsaOptions(key_length=3072).key_bits == 3072
