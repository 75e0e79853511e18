"""Values to bytes and back: msgpack with a closed table of extension types.

| type | as |
|---|---|
| None, bool, int to 64 bit, float, str, bytes, list, dict with str keys | msgpack's own |
| numpy array of bool, int, uint, float | extension 1: type, shape, one raw little-endian blob |
| BigIntVector | extension 2: width, one raw blob |
| int beyond 64 bit | extension 3: two's complement, little-endian |
| StringVector | extension 4: offsets, one UTF-8 blob |

Everything else is refused, both ways. A tuple arrives as a list. Blobs are aligned to 16 bytes and
decoded as read-only views into the message. A list of numbers costs far more than an array.
"""

import struct
import threading
from collections.abc import Callable
from typing import Any

import msgpack
import numpy as np
from numpy.typing import NDArray

from federation.errors import MalformedMessage
from federation.wire.limits import DEFAULT_LIMITS, LIFT_BYTES, SMALL_BYTES, Limits, Survey
from federation.wire.vectors import BigIntVector, StringVector

__all__ = ["DEFAULT_LIMITS", "BigIntVector", "Bytes", "Limits", "StringVector", "decode", "encode"]

Bytes = bytes | bytearray | memoryview

_LIFTED, _ARRAY, _BIG_INTS, _BIG_INT, _STRINGS = range(5)
_ON_THE_WIRE = frozenset({_ARRAY, _BIG_INTS, _BIG_INT, _STRINGS})
_ALIGNMENT = 16
_PLAIN = frozenset({type(None), bool, int, float, str, bytes})
_TEXT = frozenset({str})
_UNKNOWN = object()
_SMALL_ENTRIES = 64
_MOST_DIMENSIONS = 8
_DTYPE_NAMES = ("|b1", "|i1", "<i2", "<i4", "<i8", "|u1", "<u2", "<u4", "<u8", "<f2", "<f4", "<f8")
_DTYPES = tuple(np.dtype(name) for name in _DTYPE_NAMES)
_DTYPE_CODES = {dtype.str: code for code, dtype in enumerate(_DTYPES)}
_ARRAY_HEAD = struct.Struct("<BBB")
_BIG_INTS_HEAD = struct.Struct("<IB")
_STRINGS_HEAD = struct.Struct("<BBQ")
_LARGE_EXTENSION = struct.Struct(">BIB")


def encode(value: object, limits: Limits = DEFAULT_LIMITS) -> bytes:
    """The bytes of a value; equal values built in the same order give equal bytes.

    Raises:
        TypeError: a type that is not in the table.
        ValueError: over a limit, or a text with a lone surrogate.
    """
    if _is_small(value, limits.small_depth):
        data = _packed(value)
        if 0 < len(data) <= limits.small_bytes:
            return data
    writer = _Writer(limits)
    writer.write(value, 0)
    return writer.finish()


def encode_own(value: dict[str, Any], limits: Limits = DEFAULT_LIMITS) -> bytes:
    """As `encode`, for what this package's callers wrote themselves, as headers of frames.

    A small one is packed without a look at every type in it: whoever reads it looks at all.
    """
    data = _packed(value)
    return data if 0 < len(data) <= limits.small_bytes else encode(value, limits)


def decode(data: Bytes, limits: Limits = DEFAULT_LIMITS) -> Any:
    """The value of a whole message.

    Arrays and vectors are read-only views that keep `data` alive; do not change it after.

    Raises:
        MalformedMessage: anything but one well-formed value within the limits.
    """
    view = memoryview(data).cast("B").toreadonly()
    if len(view) <= limits.small_bytes:
        value = _small_value(view)
        if value is not _UNKNOWN and _is_small(value, limits.small_depth):
            return value
    survey = Survey(view, limits, _ON_THE_WIRE)
    survey.walk()
    loader = _Loader(limits)
    try:
        skeleton = loader.skeleton(view, survey) if survey.lifted else view
        return msgpack.unpackb(
            skeleton,
            object_pairs_hook=_mapping,
            ext_hook=loader.load,
            max_str_len=limits.size_bytes,
            max_bin_len=limits.size_bytes,
            max_array_len=limits.elements,
            max_map_len=limits.elements,
            max_ext_len=limits.size_bytes,
        )
    except UnicodeDecodeError:
        raise MalformedMessage("a text is not UTF-8") from None
    except (ValueError, TypeError, OverflowError) as error:
        raise MalformedMessage(f"it can not be read ({type(error).__name__})") from None


def _packed(value: object) -> bytes:
    """A small value as bytes; none if something is wrong with it, as the writer will say."""
    try:
        data: bytes = _own.packer.pack(value)
    except (ValueError, TypeError, OverflowError):
        return b""
    if len(data) > SMALL_BYTES:
        _own.packer = _small_packer()  # its room has grown by as much
    return data


def _small_packer() -> msgpack.Packer:
    return msgpack.Packer(buf_size=SMALL_BYTES)


class _Own(threading.local):
    """What a thread uses again; making it anew would take longer than most messages do."""

    def __init__(self) -> None:
        self.packer = _small_packer()


_own = _Own()


def _small_value(data: memoryview) -> Any:
    """The value of a short message; `_UNKNOWN` if it is none, as the survey will say why."""
    try:
        return msgpack.unpackb(data, object_pairs_hook=_distinct, ext_hook=_no_extension)
    except (ValueError, TypeError, MalformedMessage):
        return _UNKNOWN


def _is_small(value: Any, depth: int) -> bool:
    """Whether it is of msgpack's own types, short, and nested less than `depth` deep.

    Most messages are headers of a few names and numbers. These go through msgpack in one step;
    their bytes are the same.
    """
    kind = type(value)
    inside = value
    if kind is dict:
        if not _TEXT.issuperset(map(type, value)):
            return False
        inside = value.values()
    elif kind is not list and kind is not tuple:
        return kind in _PLAIN
    if depth < 1 or len(value) > _SMALL_ENTRIES:
        return False
    kinds = set(map(type, inside))
    if kinds <= _PLAIN:
        return True
    deeper = [one for one in inside if type(one) not in _PLAIN]
    return all(_is_small(one, depth - 1) for one in deeper)


def _no_extension(code: int, _: bytes) -> Any:
    raise ValueError(f"an extension of code {code}")


class _Writer:
    """Builds one message: small values through msgpack, large blobs beside it."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._packer = msgpack.Packer(autoreset=False, strict_types=True, buf_size=4096)
        self._pieces: list[Bytes] = []
        self._size = 0
        self._elements = 0

    def write(self, value: object, depth: int) -> None:
        """Append one value that stands inside `depth` containers."""
        write = _WRITERS.get(type(value))
        if write is not None:
            write(self, value, depth)
        elif isinstance(value, str):
            self._packer.pack(str.__str__(value))
        elif isinstance(value, float):
            self._packer.pack(float(value))
        else:
            raise TypeError(f"{type(value).__name__} is not a type that travels")

    def finish(self) -> bytes:
        """The whole message."""
        self._flush()
        return b"".join(self._pieces)

    def leaf(self, value: object, _depth: int) -> None:
        self._packer.pack(value)

    def integer(self, value: int, _depth: int) -> None:
        if -(1 << 63) <= value < 1 << 64:
            self._packer.pack(value)
        else:
            width = value.bit_length() // 8 + 1
            self._packer.pack_ext_type(_BIG_INT, value.to_bytes(width, "little", signed=True))

    def sequence(self, values: list[object] | tuple[object, ...], depth: int) -> None:
        self._enter(len(values), depth)
        self._packer.pack_array_header(len(values))
        for value in values:
            self.write(value, depth + 1)

    def mapping(self, values: dict[str, object], depth: int) -> None:
        self._enter(2 * len(values), depth)
        self._packer.pack_map_header(len(values))
        for key, value in values.items():
            if not isinstance(key, str):
                raise TypeError(f"a key is a text, not {type(key).__name__}")
            self._packer.pack(str.__str__(key))
            self.write(value, depth + 1)

    def array(self, value: NDArray[Any], _depth: int) -> None:
        dtype = value.dtype.newbyteorder("<")
        if dtype.str not in _DTYPE_CODES or value.ndim > _MOST_DIMENSIONS:
            raise TypeError(f"an array of {value.dtype} in {value.ndim} dimensions does not travel")
        flat = np.asarray(value, dtype, order="C").reshape(-1).view(np.uint8)
        shape = struct.pack(f"<{value.ndim}Q", *value.shape)
        code = _DTYPE_CODES[dtype.str]
        self._blob(
            _ARRAY,
            lambda pad: _ARRAY_HEAD.pack(code, value.ndim, pad) + shape,
            [flat.data],
        )

    def big_ints(self, value: BigIntVector, _depth: int) -> None:
        self._blob(_BIG_INTS, lambda pad: _BIG_INTS_HEAD.pack(value.width, pad), [value.data])

    def strings(self, value: StringVector, _depth: int) -> None:
        width = 4 if value.offsets.dtype.itemsize == 4 else 8
        offsets = np.asarray(value.offsets, f"<i{width}", order="C").view(np.uint8)
        self._blob(
            _STRINGS,
            lambda pad: _STRINGS_HEAD.pack(width, pad, len(value)),
            [offsets.data, value.blob],
        )

    def _enter(self, entries: int, depth: int) -> None:
        self._elements += entries
        if depth >= self._limits.depth or self._elements > self._limits.elements:
            raise ValueError("a message is nested too deep or has too many entries")

    def _blob(self, code: int, head: Callable[[int], bytes], parts: list[Bytes]) -> None:
        """Append an extension value whose first part is aligned in the message."""
        size = len(head(0)) + sum(map(len, parts))
        if size < LIFT_BYTES:
            self._packer.pack_ext_type(code, b"".join([head(0), *parts]))
            return
        self._flush()
        pad = -(self._size + _LARGE_EXTENSION.size + len(head(0))) % _ALIGNMENT
        if self._size + size + pad > min(self._limits.size_bytes, 0xFFFFFFFF):
            raise ValueError("a message is larger than the limit")
        start = _LARGE_EXTENSION.pack(0xC9, size + pad, code) + head(pad) + bytes(pad)
        self._append([start, *parts])

    def _flush(self) -> None:
        self._append([self._packer.bytes()])
        self._packer.reset()

    def _append(self, pieces: list[Bytes]) -> None:
        self._pieces += pieces
        self._size += sum(map(len, pieces))
        if self._size > self._limits.size_bytes:
            raise ValueError("a message is larger than the limit")


_WRITERS: dict[type, Callable[[_Writer, Any, int], None]] = {
    type(None): _Writer.leaf,
    bool: _Writer.leaf,
    float: _Writer.leaf,
    str: _Writer.leaf,
    bytes: _Writer.leaf,
    int: _Writer.integer,
    list: _Writer.sequence,
    tuple: _Writer.sequence,
    dict: _Writer.mapping,
    np.ndarray: _Writer.array,
    BigIntVector: _Writer.big_ints,
    StringVector: _Writer.strings,
}


class _Loader:
    """Reads extension values, and keeps large ones out of msgpack's copying hands."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._blobs: list[tuple[int, memoryview]] = []

    def skeleton(self, view: memoryview, survey: Survey) -> bytes:
        """The message with each large blob replaced by its number."""
        pieces: list[Bytes] = []
        at = 0
        for number, blob in enumerate(survey.lifted):
            self._blobs.append((blob.code, view[blob.payload : blob.end]))
            pieces += [view[at : blob.start], _LIFTED_HEAD, number.to_bytes(4, "little")]
            at = blob.end
        return b"".join([*pieces, view[at:]])

    def load(self, code: int, data: bytes) -> Any:
        """One extension value."""
        if code == _LIFTED:
            code, blob = self._blobs[int.from_bytes(data, "little")]
        else:
            blob = memoryview(data)
        try:
            return _LOADERS[code](blob, self._limits)
        except (struct.error, ValueError, OverflowError) as error:
            raise MalformedMessage(f"a column's header is wrong ({type(error).__name__})") from None


_LIFTED_HEAD = bytes((0xD6, _LIFTED))


def _distinct(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    mapping = dict(pairs)
    if len(mapping) != len(pairs):
        raise MalformedMessage("a map has a key twice")
    return mapping


def _mapping(pairs: list[tuple[Any, Any]]) -> dict[str, Any]:
    mapping = _distinct(pairs)
    if not _TEXT.issuperset(map(type, mapping)):
        raise MalformedMessage("a map has a key that is not a text")
    return mapping


def _load_array(blob: memoryview, limits: Limits) -> NDArray[Any]:
    code, dimensions, pad = _ARRAY_HEAD.unpack_from(blob)
    if code >= len(_DTYPES) or dimensions > _MOST_DIMENSIONS:
        raise MalformedMessage("an array's type or dimensions are not in the table")
    shape = struct.unpack_from(f"<{dimensions}Q", blob, _ARRAY_HEAD.size)
    start = _ARRAY_HEAD.size + 8 * dimensions + pad
    dtype = _DTYPES[code]
    count = 1
    for extent in shape:
        count *= extent
    if start > len(blob) or count * dtype.itemsize != len(blob) - start:
        raise MalformedMessage("an array's shape does not match its bytes")
    if not count and max(shape) > limits.elements:
        raise MalformedMessage("an empty array claims a huge shape")
    array = _numbers(blob[start:], dtype).reshape(shape)
    if dtype == np.bool_ and count and array.view(np.uint8).max() > 1:
        raise MalformedMessage("a truth value is neither 0 nor 1")
    return array


def _numbers(raw: memoryview, dtype: np.dtype[Any]) -> NDArray[Any]:
    """A read-only array over `raw`, which is copied only where it is not aligned."""
    array = np.frombuffer(raw, dtype) if len(raw) else np.empty(0, dtype)
    if not array.flags.aligned:
        array = array.copy()
    array.setflags(write=False)
    return array


def _load_big_ints(blob: memoryview, _limits: Limits) -> BigIntVector:
    width, pad = _BIG_INTS_HEAD.unpack_from(blob)
    if _BIG_INTS_HEAD.size + pad > len(blob):
        raise MalformedMessage("a vector is cut short")
    return BigIntVector(width, blob[_BIG_INTS_HEAD.size + pad :])


def _load_big_int(blob: memoryview, _limits: Limits) -> int:
    value = int.from_bytes(blob, "little", signed=True)
    if -(1 << 63) <= value < 1 << 64:
        raise MalformedMessage("a small integer is written as a big one")
    return value


def _load_strings(blob: memoryview, _limits: Limits) -> StringVector:
    width, pad, count = _STRINGS_HEAD.unpack_from(blob)
    start = _STRINGS_HEAD.size + pad
    end = start + (count + 1) * width
    if width not in (4, 8) or end > len(blob):
        raise MalformedMessage("a text column's offsets are cut short")
    column = StringVector(_numbers(blob[start:end], np.dtype(f"<i{width}")), blob[end:])
    column.check()
    return column


_LOADERS: dict[int, Callable[[memoryview, Limits], Any]] = {
    _ARRAY: _load_array,
    _BIG_INTS: _load_big_ints,
    _BIG_INT: _load_big_int,
    _STRINGS: _load_strings,
}
