"""Texts of any lengths as one block of bytes, to be worked on many at a time.

Learns: nobody anything.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

END = b"\x80"
"""Behind a text, so that zeros of its own differ from those that fill up."""

Rows = NDArray[np.int64]


class ByteRows:
    """The bytes of each of n texts.

    Attributes:
        lengths: in bytes, shape (n,).
    """

    def __init__(self, column: pa.Array) -> None:
        """Take over an array of Arrow's `large_string` or `large_binary` without nulls."""
        _, offsets, data = column.buffers()
        first = column.offset
        ends = np.frombuffer(offsets, dtype=np.int64)[first : first + len(column) + 1]
        self._starts = ends[:-1]
        self.lengths: Rows = np.diff(ends)
        self._data: NDArray[np.uint8] = np.empty(0, dtype=np.uint8)
        if len(ends) and ends[-1]:
            self._data = np.frombuffer(data, dtype=np.uint8)[: ends[-1]]

    @classmethod
    def of(cls, texts: Sequence[str] | Sequence[bytes]) -> "ByteRows":
        """Strings by their UTF-8 bytes, or bytes as they are."""
        lines = [text.encode() if isinstance(text, str) else text for text in texts]
        return cls(pa.array(lines, pa.large_binary()))

    @property
    def data(self) -> bytes:
        """All texts one after another."""
        first = int(self._starts[0]) if len(self) else 0
        return self._data[first:].tobytes()

    def __len__(self) -> int:
        """How many texts."""
        return len(self.lengths)

    def __getitem__(self, row: int) -> bytes:
        """One text."""
        start = int(self._starts[row])
        return self._data[start : start + int(self.lengths[row])].tobytes()

    def __iter__(self) -> Iterator[bytes]:
        """All texts."""
        return map(self.__getitem__, range(len(self)))

    def padded(self, rows: Rows, width: int, ending: bytes = END) -> NDArray[np.uint8]:
        """Some texts, each followed by `ending` and zeros; shape (n, width).

        Args:
            rows: of texts that leave room for all that.
        """
        result = np.zeros((len(rows), width), dtype=np.uint8)
        lengths, last = self.lengths[rows], np.frombuffer(ending, dtype=np.uint8)
        for length, places in _alike(lengths):
            if length:
                windows = np.lib.stride_tricks.sliding_window_view(self._data, length)
                result[places, :length] = windows[self._starts[rows[places]]]
            result[places, length : length + len(last)] = last
        return result


def _alike(lengths: Rows) -> Iterator[tuple[int, Any]]:
    """Each length that occurs, and where."""
    least, most = int(lengths.min(initial=1 << 62)), int(lengths.max(initial=0))
    if least == most:
        yield most, slice(None)
        return
    order = np.argsort(lengths, kind="stable")
    inner = np.flatnonzero(np.diff(lengths[order])) + 1
    for places in np.split(order, inner):
        if len(places):
            yield int(lengths[places[0]]), places
