"""Rows that the guest picks and hosts follow by their ids.

Learns: each host which of the ids, all of which it has, the guest picked, and for what; the guest
nothing.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from federation.errors import DataProblem, DuplicateIds
from federation.tables import Table
from federation.wire.vectors import StringVector

Places = npt.NDArray[np.int64]


class IdsNotHere(DataProblem):
    """The guest picked ids this party does not have."""

    code = "ids_not_here"

    def __init__(self, count: int) -> None:
        super().__init__(
            f"{count} of the ids the guest picked are not in this party's table; put an "
            "Intersection before this component",
            count=count,
        )


def ids_at(table: Table, places: Places) -> StringVector:
    """The ids of the rows at `places`, as they are sent."""
    return StringVector.from_strings(table.ids.take(pa.array(places)).to_pylist())


def places_of(table: Table, ids: StringVector) -> Places:
    """Where this party has the rows of `ids`, in their order.

    Raises:
        DuplicateIds: own ids are not unique, so that none of them names one row.
        IdsNotHere: some are not there.
    """
    repeated = table.rows - int(pc.count_distinct(table.ids).as_py())
    if repeated:
        raise DuplicateIds(repeated)
    own = pa.chunked_array(table.ids).combine_chunks()
    found = pc.index_in(pa.array(ids.to_strings(), pa.string()), value_set=own)
    if found.null_count:
        raise IdsNotHere(found.null_count)
    return np.asarray(found.to_numpy(), dtype=np.int64)
