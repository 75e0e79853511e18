"""JSON from outside."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.errors import InvalidDocument
from federation.spec.documents import find_flaw, parse_json

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(
            st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), inner
        )
    ),
    max_leaves=20,
)


def refusal(data: bytes, max_depth: int = 200, max_bytes: int = 1000_000) -> str:
    with pytest.raises(InvalidDocument) as caught:
        parse_json(data, max_depth=max_depth, max_bytes=max_bytes)
    return str(caught.value.problems[0])


@given(JSON)
def test_json_comes_back_as_it_was_written(value: object) -> None:
    assert parse_json(json.dumps(value).encode()) == value


@given(st.binary(max_size=60))
def test_bytes_are_json_or_refused(data: bytes) -> None:
    try:
        parse_json(data)
    except InvalidDocument:
        return
    json.loads(data)


def test_ten_thousand_levels_are_refused_without_recursion() -> None:
    data = b'{"a":\n' + b'[{"b":' * 5_000 + b"1" + b"}]" * 5_000 + b"}"
    assert "nested deeper than 200 levels at line 2, column 596" in refusal(data)


def test_brackets_in_texts_are_no_levels() -> None:
    assert parse_json(json.dumps(["[" * 500, '"[{' * 500]).encode()) == ["[" * 500, '"[{' * 500]


@pytest.mark.parametrize("depth", [1, 5])
def test_the_deepest_allowed_level_is_allowed(depth: int) -> None:
    parse_json(b"[" * depth + b"]" * depth, max_depth=depth)
    assert "nested deeper" in refusal(b"[" * (depth + 1) + b"]" * (depth + 1), max_depth=depth)


def test_a_broken_document_says_where() -> None:
    assert refusal('{\n  "é": 1,\n  "é" 2}'.encode()) == (
        "is not JSON: Expecting ':' delimiter at line 3, column 7 (byte 20)"
    )


def test_bytes_that_are_no_utf_8_say_where() -> None:
    assert refusal(b'{"a": "\xff"}') == "is not UTF-8 at line 1, column 8 (byte 7)"


def test_a_document_that_is_too_long_is_not_read() -> None:
    assert refusal(b"[1, 2]", max_bytes=5) == "has 6 bytes, the most is 5"


@pytest.mark.parametrize(
    "data",
    [b"NaN", b"[-Infinity]", b"1e999", b"9" * 5_000, b'"\\ud800"', b'{"\\u0000": 1}', b'"\\u0000"'],
)
def test_what_no_store_can_keep_is_refused(data: bytes) -> None:
    refusal(data)


def test_half_pairs_that_make_a_whole_are_a_text() -> None:
    assert parse_json(b'"\\ud83d\\ude00"') == "\N{GRINNING FACE}"


def test_a_byte_order_mark_is_read_over() -> None:
    assert parse_json(b"\xef\xbb\xbf[1]") == [1]


def test_an_open_text_full_of_quotes_takes_linear_time() -> None:
    data = b"[" * 300 + b'"' + b'\\"' * 400_000
    started = time.perf_counter()
    refusal(data)
    assert time.perf_counter() - started < 5.0


@pytest.mark.parametrize("value", [{1: 2}, {"a": {1}}, [float("nan")], [1 << 4000], [b"a"], ["\0"]])
def test_values_that_json_does_not_have_are_flaws(value: object) -> None:
    assert find_flaw(value) is not None


def test_a_flaw_says_where_it_is() -> None:
    assert str(find_flaw({"a": [0, {"b": float("inf")}]}, root=("conf",))) == (
        "conf.a[1].b: is not a finite number"
    )
