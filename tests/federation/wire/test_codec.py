import struct
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgpack  # type: ignore[import-untyped]
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from federation.errors import MalformedMessage
from federation.wire.codec import BigIntVector, Limits, StringVector, decode, encode, encode_own

ARRAY, BIG_INTS, BIG_INT, STRINGS = 1, 2, 3, 4

numbers = st.one_of(
    npst.boolean_dtypes(),
    npst.integer_dtypes(endianness="?"),
    npst.unsigned_integer_dtypes(endianness="?"),
    npst.floating_dtypes(sizes=(16, 32, 64), endianness="?"),
)
arrays = npst.arrays(numbers, npst.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=6))
texts = st.text(st.characters(codec="utf-8"), max_size=20)
leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**200), 2**200),
    st.floats(allow_nan=False),
    texts,
    st.binary(max_size=40),
    st.lists(st.integers(0, 2**128 - 1), max_size=5).map(lambda v: BigIntVector.from_ints(v, 16)),
    st.lists(texts, max_size=5).map(StringVector.from_strings),
)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=20,
)


@given(values)
@settings(max_examples=200, deadline=None)
def test_a_value_comes_back_as_it_was(value: Any) -> None:
    assert decode(encode(value)) == value


@given(arrays)
@settings(max_examples=200, deadline=None)
def test_an_array_comes_back_with_its_numbers_shape_and_type(array: np.ndarray) -> None:
    back = decode(encode({"a": array}))["a"]
    assert back.dtype == array.dtype.newbyteorder("<")
    assert back.shape == array.shape
    np.testing.assert_array_equal(back, array)


@pytest.mark.parametrize("rows", [3, 100_000])
def test_arrays_are_aligned_read_only_views(rows: int) -> None:
    back = decode(encode(["odd", np.arange(rows, dtype=np.float64)]))[1]
    assert back.flags.aligned
    assert not back.flags.writeable


def test_a_large_array_is_not_copied_out_of_its_message() -> None:
    message = encode({"a": np.zeros(1 << 20)})
    tracemalloc.start()
    value = decode(message)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert value["a"].nbytes == 8 << 20
    assert peak < 1 << 18


def test_columns_that_are_not_contiguous_travel_whole() -> None:
    array = np.arange(24.0).reshape(4, 6)[::2, ::-3].T
    np.testing.assert_array_equal(decode(encode(array)), array)


@pytest.mark.parametrize("count", [0, 3, 5000])
def test_long_and_short_columns_come_back(count: int) -> None:
    ids = [f"é{i}" if i % 7 == 0 else f"id{i}" for i in range(count)]
    ints = [3**i % 2**64 for i in range(count)]
    back = decode(encode([StringVector.from_strings(ids), BigIntVector.from_ints(ints, 8), "end"]))
    assert back[0].to_strings() == ids
    assert back[1].to_ints() == ints
    assert (len(back[0]), len(back[1])) == (count, count)


def test_equal_values_give_equal_bytes() -> None:
    value = {"b": [1, 2.5], "a": np.arange(3)}
    assert encode(value) == encode({"b": [1, 2.5], "a": np.arange(3)})


@pytest.mark.parametrize(
    "value",
    [
        object(),
        {1: "a"},
        {"a": {3, 4}},
        1j,
        np.array([object()]),
        np.array([1j]),
        np.array(["text"]),
        np.array(["2020-01-01"], "M8[D]"),
        np.float32(1),
        np.zeros((1,) * 9),
        bytearray(b"x"),
        np.ma.masked_array([1.0], [True]),
    ],
)
def test_a_type_outside_the_table_does_not_travel(value: object) -> None:
    with pytest.raises(TypeError):
        encode(value)


@pytest.mark.parametrize(
    ("value", "limits"),
    [
        ([[[1]]], Limits(depth=2)),
        ([1] * 11, Limits(elements=10)),
        ({"a": [1] * 9}, Limits(elements=10)),
        ("x" * 100, Limits(size_bytes=100)),
        (np.zeros(10_000), Limits(size_bytes=80_000)),
        ([b"x" * 60, b"x" * 60], Limits(size_bytes=100)),
    ],
)
def test_both_sides_hold_the_same_limits(value: object, limits: Limits) -> None:
    with pytest.raises(ValueError):
        encode(value, limits)
    message = encode(value)
    with pytest.raises(MalformedMessage):
        decode(message, limits)


def test_a_value_at_the_limit_travels() -> None:
    limits = Limits(depth=3, elements=3)
    assert decode(encode([[[7]]], limits), limits) == [[[7]]]


def test_big_integers_that_do_not_fit_are_refused() -> None:
    for value in (-1, 256):
        with pytest.raises(ValueError):
            BigIntVector.from_ints([value], 1)


def _extension(code: int, data: bytes) -> bytes:
    packed: bytes = msgpack.packb(msgpack.ExtType(code, data))
    return packed


def _array(code: int, dims: int, shape: tuple[int, ...], raw: bytes, pad: int = 0) -> bytes:
    head = struct.pack("<BBB", code, dims, pad) + struct.pack(f"<{len(shape)}Q", *shape)
    return _extension(ARRAY, head + raw)


def _strings(width: int, count: int, offsets: list[int], blob: bytes) -> bytes:
    raw = np.array(offsets, f"<i{width if width in (4, 8) else 4}").tobytes()
    return _extension(STRINGS, struct.pack("<BBQ", width, 0, count) + raw + blob)


FLOAT64 = 11
MALFORMED = {
    "empty": b"",
    "cut short": encode({"a": [1, 2, "three"]})[:-1],
    "cut in a large array": encode(np.zeros(4096))[:-1],
    "followed by more": encode(1) + b"\x00",
    "a key twice": b"\x82\xa1a\x01\xa1a\x02",
    "an int key": b"\x81\x01\x01",
    "a bytes key": b"\x81\xc4\x01a\x01",
    "a list key": b"\x81\x90\x01",
    "a nil key": b"\x81\xc0\x01",
    "invalid utf-8": b"\xa2\xff\xfe",
    "the byte that starts nothing": b"\xc1",
    "nested too deep": b"\x91" * 33 + b"\x00",
    "nested far too deep": b"\x91" * 20_000,
    "a list of four billion": b"\xdd\xff\xff\xff\xff",
    "a map of four billion": b"\xdf\xff\xff\xff\xff",
    "many lists of many": b"\xdc\xff\xff" * 1000 + b"\x00" * 70_000,
    "a text of four gigabytes": b"\xdb\xff\xff\xff\xff",
    "bytes of four gigabytes": b"\xc6\xff\xff\xff\xff",
    "an array of four gigabytes": b"\xc9\xff\xff\xff\xff\x01",
    "an unknown extension": _extension(99, b"x"),
    "the reserved extension": _extension(0, b"\0\0\0\0"),
    "a timestamp": msgpack.packb(msgpack.Timestamp(1)),
    "an extension without a header": _extension(ARRAY, b""),
    "an array of an unknown type": _array(200, 1, (1,), b"\0" * 8),
    "an array of too many dimensions": _array(FLOAT64, 9, (1,) * 9, b"\0" * 8),
    "an array whose shape is cut short": _array(FLOAT64, 8, (1,), b""),
    "an array with a negative shape": _array(FLOAT64, 1, (2**64 - 1,), b"\0" * 8),
    "an array with a huge shape": _array(FLOAT64, 2, (2**40, 2**40), b"\0" * 8),
    "a huge shape of nothing": _array(FLOAT64, 2, (0, 2**60), b""),
    "an overflowing shape of nothing": _array(FLOAT64, 3, (0, 2**63, 2**63), b""),
    "an array with too few bytes": _array(FLOAT64, 1, (2,), b"\0" * 15),
    "an array with too many bytes": _array(FLOAT64, 1, (2,), b"\0" * 17),
    "an array padded past its end": _array(FLOAT64, 0, (), b"\0" * 8, pad=9),
    "a truth value of 2": _array(0, 1, (2,), b"\1\2"),
    "integers of width 0": _extension(BIG_INTS, b"\0\0\0\0\0abc"),
    "integers that are cut": _extension(BIG_INTS, b"\4\0\0\0\0abc"),
    "integers without a header": _extension(BIG_INTS, b"\4\0"),
    "integers padded past the end": _extension(BIG_INTS, b"\4\0\0\0\7"),
    "a small integer as a big one": _extension(BIG_INT, b"\1"),
    "texts of another width": _strings(3, 0, [0], b""),
    "texts that do not start at 0": _strings(4, 1, [1, 2], b"ab"),
    "texts that do not reach the end": _strings(4, 1, [0, 1], b"ab"),
    "texts that go backwards": _strings(4, 2, [0, 3, 2], b"ab"),
    "texts with negative offsets": _strings(4, 2, [0, -1, 2], b"ab"),
    "texts without offsets": _strings(4, 2**63, [0], b""),
    "texts that are not utf-8": _strings(4, 1, [0, 2], b"\xc3\x28"),
    "texts that end inside a letter": _strings(4, 1, [0, 1], b"\xc3"),
    "texts cut inside a letter": _strings(4, 2, [0, 1, 2], "é".encode()),
}


@pytest.mark.parametrize("message", MALFORMED.values(), ids=list(MALFORMED))
def test_a_malformed_message_is_refused_by_name_in_little_memory(message: bytes) -> None:
    tracemalloc.start()
    with pytest.raises(MalformedMessage):
        decode(message)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1 << 20


def test_an_empty_array_keeps_its_width() -> None:
    assert decode(encode(np.zeros((0, 30)))).shape == (0, 30)


def test_long_columns_are_checked_like_short_ones() -> None:
    ids = encode(StringVector.from_strings(["abcé"] * 5000))
    with pytest.raises(MalformedMessage):
        decode(ids[:-1] + b"\xff")


@pytest.mark.parametrize(
    "refused", [["a", "\ud800"], {"a": [1, 1 << 70, "\ud800"]}, ["a", object()]]
)
def test_a_value_that_is_refused_leaves_nothing_in_the_next_message(refused: object) -> None:
    right = encode(["b", 1])
    with pytest.raises((ValueError, TypeError)):
        encode(refused)
    assert encode(["b", 1]) == right


def test_messages_of_several_threads_do_not_mix() -> None:
    values = [{"thread": number, "text": "x" * number} for number in range(200)]
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(decode, threads.map(encode, values))) == values


@pytest.mark.parametrize(
    "header",
    [{}, {"seq": 1, "scope": ["epoch", 3]}, {"blob": bytes(5000)}, {"n": 1 << 70}],
    ids=["empty", "small", "large", "big integer"],
)
def test_what_is_written_here_has_the_bytes_that_anything_has(header: dict[str, Any]) -> None:
    assert encode_own(header) == encode(header)


def test_what_is_written_here_holds_the_limits_too() -> None:
    with pytest.raises(ValueError, match="larger than the limit"):
        encode_own({"blob": bytes(5000)}, Limits(size_bytes=4000))
    with pytest.raises(TypeError):
        encode_own({"set": {1}})
