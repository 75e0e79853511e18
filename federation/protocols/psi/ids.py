"""Ids of rows: which may be matched, how a job has them hashed, and what a match gives.

Ids match when their UTF-8 bytes do: no case folding, no Unicode normalisation, no trimming.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from cryptography.hazmat.primitives import hashes
from numpy.typing import NDArray

from federation.crypto.byte_rows import ByteRows
from federation.errors import BlankIds, DuplicateIds, InvalidParameters, Problem


@dataclass(frozen=True, slots=True)
class Intersection:
    """What one party has after an intersection.

    Attributes:
        indices: shape (k,), int64: this party's rows whose ids all parties have, in the order of
            their ids' UTF-8 bytes, so that entry i means the same id at every party.
        own: how many ids this party brought.
        told: whether this party got to know the common ids; if not, `indices` is empty.
        sizes: how many ids another party brought, by `role:id`, as far as this party learned it.
    """

    indices: NDArray[np.int64]
    own: int
    sizes: Mapping[str, int] = field(default_factory=dict)
    told: bool = True

    @property
    def common(self) -> int:
        """How many ids all parties have."""
        return len(self.indices)


Hash = Callable[[bytes], bytes]


def _sm3(data: bytes) -> bytes:
    state = hashes.Hash(hashes.SM3())
    state.update(data)
    return state.finalize()


_HASHES: dict[str, Hash] = {
    # Parties choose these to match what they agreed on before; secrecy rests on none of them.
    "md5": lambda data: hashlib.md5(data, usedforsecurity=False).digest(),
    "sha1": lambda data: hashlib.sha1(data, usedforsecurity=False).digest(),
    "sha224": lambda data: hashlib.sha224(data).digest(),
    "sha256": lambda data: hashlib.sha256(data).digest(),
    "sha384": lambda data: hashlib.sha384(data).digest(),
    "sha512": lambda data: hashlib.sha512(data).digest(),
    "sm3": _sm3,
}

NO_HASH = "none"
_SHORT = 32
"""Ids of fewer bytes are sorted and compared as numbers."""

_AT_ONCE = 1 << 16
_FACTORS = np.frombuffer(hashlib.sha256(b"tripact/ids/1").digest(), dtype="<u8") | np.uint64(1)


def check_hash_method(path: str, method: str, *, none: bool) -> None:
    """Check the name of a hash.

    Args:
        path: the parameter it stands in.
        method: its name, in any case.
        none: whether no hash at all will do.

    Raises:
        InvalidParameters: there is no such hash, or one is needed.
    """
    known = [*_HASHES, NO_HASH] if none else list(_HASHES)
    if method.lower() not in known:
        names = ", ".join(known)
        raise InvalidParameters([Problem(path, f"{method!r} is none of {names}")])


def hash_of(method: str) -> Hash:
    """The hash of that name; `none` gives its argument back."""
    return _HASHES.get(method.lower(), bytes)


def encoded(ids: Sequence[str], method: str, salt: str) -> list[bytes]:
    """Each id with the salt behind it, hashed; as FATE does."""
    digest = hash_of(method)
    return [digest((text + salt).encode()) for text in ids]


Column = Sequence[str] | Any
"""Strings, `Ids`, or an Arrow column of text."""


class Ids(Sequence[str]):
    """A column of ids, one for each row of a table.

    Attributes:
        column: an array of Arrow's `large_string`, without nulls.
    """

    def __init__(self, ids: Column) -> None:
        """Take over strings or an Arrow column; a null is a blank id."""
        column: Any = ids.column if isinstance(ids, Ids) else ids
        if isinstance(column, pa.ChunkedArray):
            column = column.cast(pa.large_string()).combine_chunks()
        elif not isinstance(column, pa.Array):
            column = pa.array(list(column), pa.large_string())
        self.column: Any = pc.fill_null(column.cast(pa.large_string()), "")

    @cached_property
    def texts(self) -> ByteRows:
        """The UTF-8 bytes of the ids."""
        return ByteRows(self.column)

    def salted(self, salt: str) -> ByteRows:
        """The UTF-8 bytes of the ids, each with the salt behind it."""
        if not salt:
            return self.texts
        behind, between = (pa.scalar(text, pa.large_string()) for text in (salt, ""))
        return ByteRows(pc.binary_join_element_wise(self.column, behind, between))

    def __len__(self) -> int:
        """How many rows."""
        return len(self.column)

    def __getitem__(self, rows: Any) -> Any:
        """The id of a row, or those of a slice."""
        picked = self.column[rows]
        return picked.to_pylist() if isinstance(rows, slice) else picked.as_py()

    def at(self, rows: NDArray[np.int64]) -> "Ids":
        """The ids of some rows, in their order."""
        return Ids(self.column.take(pa.array(rows)))

    def check(self) -> None:
        """Check that each id stands for one row.

        Raises:
            BlankIds: ids that are empty or white space.
            DuplicateIds: ids that repeat another.
        """
        blank = pc.sum(pc.equal(pc.utf8_trim_whitespace(self.column), "")).as_py() or 0
        if blank:
            raise BlankIds(blank)
        if self._may_repeat():
            repeated = len(self) - pc.count_distinct(self.column).as_py()
            if repeated:
                raise DuplicateIds(repeated)

    def _may_repeat(self) -> bool:
        """False where a sum of each id's words, each times a number of its own, is unique."""
        if int(self.texts.lengths.max(initial=0)) >= _SHORT:
            return True
        sums = np.zeros(len(self), dtype=np.uint64)
        for part in range(0, len(self), _AT_ONCE):
            rows = np.arange(part, min(part + _AT_ONCE, len(self)))
            words = self.texts.padded(rows, _SHORT).view("<u8")
            sums[rows] = (words * _FACTORS).sum(axis=1, dtype=np.uint64)
        sums.sort()
        return bool(np.any(sums[1:] == sums[:-1]))

    def in_order(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """`rows`, by the UTF-8 bytes of their ids."""
        lengths = self.texts.lengths[rows]
        if int(lengths.max(initial=0)) >= _SHORT:
            ids = self.column.take(pa.array(rows))
            order = np.asarray(pc.sort_indices(ids).to_numpy(), dtype=np.int64)
            return rows[order]
        # As numbers of 64 bits, most significant first; a shorter id stands before one it begins.
        words = self.texts.padded(rows, _SHORT + 8, b"").view(">u8").astype(np.uint64)
        used = range(int(lengths.max(initial=0)) // 8, -1, -1)
        order = np.lexsort([lengths, *(words[:, i] for i in used)])
        return rows[order]
