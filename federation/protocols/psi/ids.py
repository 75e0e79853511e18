"""Ids of rows: which may be matched, how a job has them hashed, and what a match gives.

Ids match when their UTF-8 bytes do: no case folding, no Unicode normalisation, no trimming.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from cryptography.hazmat.primitives import hashes
from numpy.typing import NDArray

from federation.errors import BlankIds, DuplicateIds, InvalidParameters, Problem


@dataclass(frozen=True, slots=True)
class Intersection:
    """What one party has after an intersection.

    Attributes:
        indices: shape (k,), int64: this party's rows whose ids all parties have, in the order of
            their ids' UTF-8 bytes, so that entry i means the same id at every party.
        own: how many ids this party brought.
        sizes: how many ids another party brought, by `role:id`, as far as this party learned it.
    """

    indices: NDArray[np.int64]
    own: int
    sizes: Mapping[str, int] = field(default_factory=dict)

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


def check_ids(ids: Sequence[str]) -> None:
    """Check that each id stands for one row.

    Raises:
        BlankIds: ids that are empty or white space.
        DuplicateIds: ids that repeat another.
    """
    blank = len(ids) - sum(map(bool, map(str.strip, ids)))
    if blank:
        raise BlankIds(blank)
    repeated = len(ids) - len(set(ids))
    if repeated:
        raise DuplicateIds(repeated)


def in_order(ids: Sequence[str], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """`rows`, by the UTF-8 bytes of their ids; code points sort as their UTF-8 does."""
    column = pa.array([ids[row] for row in rows.tolist()], pa.large_string())
    order: NDArray[np.int64] = rows[pc.sort_indices(column).to_numpy()]
    return order
