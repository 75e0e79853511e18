"""One order of rows for all parties that have the same ids: that of the ids' UTF-8 bytes.

So row i means the same id everywhere, and a digest of the ids tells whether it does. Learns:
whoever is told a digest, whether its own ids are the same ones, and nothing else of them as long as
ids can not be guessed.
"""

import hashlib
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from federation.errors import DataProblem, DuplicateIds
from federation.tables import Table


class IdsDiffer(DataProblem):
    """Parties do not have the same rows."""

    code = "ids_differ"

    def __init__(self, party: str) -> None:
        super().__init__(
            f"{party} and this party do not have the same ids; put an Intersection before this "
            "component",
            party=party,
        )


@dataclass(frozen=True, slots=True)
class RowOrder:
    """How the rows of a table stand in the common order.

    Attributes:
        order: shape (n,): row i of the common order is row order[i] of the table.
        digest: SHA-256 of the ids in the common order.
    """

    order: npt.NDArray[np.int64]
    digest: bytes

    @classmethod
    def of(cls, table: Table) -> Self:
        """The order of a table's rows.

        Raises:
            DuplicateIds: ids repeat, so that some rows have no place of their own.
        """
        ids = pa.chunked_array(table.ids).combine_chunks().cast(pa.large_binary())
        repeated = table.rows - int(pc.count_distinct(ids).as_py())
        if repeated:
            raise DuplicateIds(repeated)
        order = pc.sort_indices(ids)
        return cls(np.asarray(order.to_numpy(), dtype=np.int64), _digest(ids.take(order)))

    def check(self, digest: bytes, party: str) -> None:
        """Compare another party's ids with these.

        Raises:
            IdsDiffer: they are others.
        """
        if digest != self.digest:
            raise IdsDiffer(party)


def _digest(ids: pa.Array) -> bytes:
    lengths = np.asarray(pc.binary_length(ids).to_numpy(zero_copy_only=False), dtype="<i8")
    state = hashlib.sha256(lengths.tobytes())
    state.update(b"".join(ids.to_pylist()))
    return state.digest()
