"""Columns that numpy has no type for: big integers of one width, and texts.

Both are one run of bytes, never a list of elements, so that a column of a million ciphertexts or
ids is encoded, sealed and decoded as fast as the memory moves.
"""

import codecs
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from federation.errors import MalformedMessage

_TEXT_CHUNK = 1 << 16


@dataclass(frozen=True, slots=True)
class BigIntVector:
    """Unsigned integers of one width, little-endian, one after the other.

    Attributes:
        width: bytes of each integer, at least 1.
        data: `len(self) * width` bytes; a view into the received message where it was decoded.
    """

    width: int
    data: bytes | memoryview

    def __post_init__(self) -> None:
        if self.width < 1 or len(self.data) % self.width:
            raise ValueError("the bytes of a vector are a multiple of its width")

    def __len__(self) -> int:
        """How many integers."""
        return len(self.data) // self.width

    @classmethod
    def from_ints(cls, values: Iterable[int], width: int) -> "BigIntVector":
        """The vector of `values` (int, or anything with `to_bytes` of int, as gmpy2's mpz).

        Raises:
            ValueError: a value is negative or needs more than `width` bytes.
        """
        try:
            return cls(width, b"".join([value.to_bytes(width, "little") for value in values]))
        except OverflowError:
            raise ValueError(f"a value is negative or wider than {width} bytes") from None

    def to_ints(self) -> list[int]:
        """The integers, in order."""
        width, data = self.width, self.data
        return [
            int.from_bytes(data[start : start + width], "little")
            for start in range(0, len(data), width)
        ]


@dataclass(frozen=True, slots=True, eq=False)
class StringVector:
    """Texts of any length: where each starts, and all their UTF-8 bytes; Arrow's string layout.

    Attributes:
        offsets: int32 or int64, shape (n + 1,): text i is `blob[offsets[i]:offsets[i + 1]]`.
        blob: the bytes of all texts.
    """

    offsets: NDArray[Any]
    blob: bytes | memoryview

    def __len__(self) -> int:
        """How many texts."""
        return len(self.offsets) - 1

    def __eq__(self, other: object) -> bool:
        """Whether the texts are the same, whatever the offset width."""
        if not isinstance(other, StringVector):
            return NotImplemented
        return np.array_equal(self.offsets, other.offsets) and self.blob == other.blob

    __hash__ = None  # type: ignore[assignment]

    @classmethod
    def from_strings(cls, texts: Sequence[str]) -> "StringVector":
        """The vector of `texts`.

        Raises:
            ValueError: a text has a lone surrogate, which UTF-8 can not hold.
        """
        encoded = [text.encode() for text in texts]
        offsets = np.zeros(len(encoded) + 1, np.int64)
        np.cumsum([len(text) for text in encoded], out=offsets[1:])
        narrow = offsets[-1] <= np.iinfo(np.int32).max
        return cls(offsets.astype(np.int32) if narrow else offsets, b"".join(encoded))

    def to_strings(self) -> list[str]:
        """The texts, in order."""
        blob, bounds = bytes(self.blob), self.offsets.tolist()
        pairs = itertools.pairwise(bounds)
        if blob.isascii():
            text = blob.decode("ascii")
            return [text[start:end] for start, end in pairs]
        return [blob[start:end].decode() for start, end in pairs]

    def check(self) -> None:
        """Check what a peer sent, in little memory.

        Raises:
            MalformedMessage: offsets that do not cut the blob into n texts, or invalid UTF-8.
        """
        offsets, size = self.offsets, len(self.blob)
        if offsets.ndim != 1 or not len(offsets) or offsets[0] != 0 or offsets[-1] != size:
            raise MalformedMessage("a text column's offsets do not span its bytes")
        if np.any(offsets[1:] < offsets[:-1]):
            raise MalformedMessage("a text column's offsets go backwards")
        reader = codecs.getincrementaldecoder("utf-8")()
        try:
            for start in range(0, size, _TEXT_CHUNK):
                reader.decode(self.blob[start : start + _TEXT_CHUNK], start + _TEXT_CHUNK >= size)
        except UnicodeDecodeError:
            raise MalformedMessage("a text column is not UTF-8") from None
        starts = offsets[offsets < size]
        if np.any(np.frombuffer(self.blob, np.uint8)[starts] & 0xC0 == 0x80):
            raise MalformedMessage("a text column is cut inside a letter")
