"""What an intersection tells of itself: FATE's metrics, and why a join may be empty.

Learns: whoever reads the job's metrics and errors learns sizes, and by what an id of this party
looks like (digits, letters, a hash, spaces), never an id.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow.compute as pc

from federation.components.component import Report
from federation.components.tables.intersection_params import IntersectParams
from federation.errors import DataProblem
from federation.protocols.psi import Ids

_LOOKS = (
    (r"^\d+$", "are digits alone"),
    (r"^0\d", "begin with a zero"),
    (r"^\d+\.0$", "are numbers written with .0"),
    (r"^[0-9a-f]{32}$", "look like MD5 in hex"),
    (r"^[0-9a-f]{40}$", "look like SHA-1 in hex"),
    (r"^[0-9a-f]{64}$", "look like SHA-256 in hex"),
    (r"^[A-Za-z0-9+/]{20,}={1,2}$", "look like base64"),
    (r"[A-Z]", "have upper-case letters"),
    (r"^\s|\s$", "have spaces around them"),
    (r"^[\"']|[\"']$", "have quotation marks"),
    (r"[,;|\t]", "hold a delimiter"),
    (r"^[0-9.+-]+e[+-]?\d+$", "are numbers in scientific notation"),
)


class EmptyIntersection(DataProblem):
    """No id is common to all parties."""

    code = "empty_intersection"

    def __init__(self, own: int, others: Mapping[str, int], looks: tuple[str, ...]) -> None:
        brought = "".join(f", {party} {size}" for party, size in others.items())
        hint = f"; of the ids of this party {', '.join(looks)}" if looks else ""
        super().__init__(
            f"no id is common to all parties: this party brought {own} ids{brought}{hint}. Ids "
            "match only if they are written the same: compare leading zeros, spaces, upper and "
            "lower case, hashing, and whether the first column is the id at every party",
            own=own,
            looks=list(looks),
        )


def looks_of(ids: Ids) -> tuple[str, ...]:
    """What ids look like, as `all are digits alone`, `some have upper-case letters`."""
    told = []
    for pattern, look in _LOOKS:
        count = pc.sum(pc.match_substring_regex(ids.column, pattern)).as_py() or 0
        if count:
            told.append(f"{'all' if count == len(ids) else 'some'} {look}")
    return tuple(told)


@dataclass(frozen=True, slots=True)
class Counts:
    """Sizes before and after; `common` is None where a party was not told."""

    own: int
    common: int | None

    @property
    def rate(self) -> float:
        """Share of the own ids that are common, 0 to 1."""
        return (self.common or 0) / self.own if self.own else 0.0


def tell_counts(counts: Counts, p: IntersectParams, report: Report) -> dict[str, Any]:
    """Metrics of the job; the summary."""
    if counts.common is not None:
        report.metric(
            "train",
            "intersection",
            "INTERSECTION",
            [
                ("intersect_count", counts.common),
                ("input_match_id_count", counts.own),
                ("intersect_rate", counts.rate),
                ("unmatched_count", counts.own - counts.common),
                ("unmatched_rate", 1.0 - counts.rate),
            ],
            intersect_method=p.intersect_method,
            join_method=p.join_method,
        )
        report.log("ids are matched", common=counts.common, own=counts.own)
    return {
        "intersect_num": counts.common,
        "intersect_rate": None if counts.common is None else counts.rate,
        "cardinality_only": p.cardinality_only,
        "unique_id_num": counts.own,
    }
