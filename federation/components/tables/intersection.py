"""Intersection: keep the rows whose ids all parties have, without showing the other ids.

By `intersect_method`: oprf (an oblivious pseudorandom function from oblivious transfer; our own
name, and what is run where none is set, as it is the fastest that hides ids), rsa (blind
signatures, FATE's default), ecdh (Diffie-Hellman on Curve25519, which serves dh too), raw (ids or
their hashes in the clear), between the guest and each host; with several hosts the ids that all
have. All give the same rows. By `cardinality_only` just the number of common ids.
All parties' output rows stand in the order of the ids' UTF-8 bytes.

Learns: what the header of the method in `federation.protocols.psi` says; with oprf, rsa
and ecdh the guest which of its ids each host has, hosts the common ids, and all of them the others'
sizes. The number of common ids becomes a metric of the job at every party that learned it.
Source: FATE 1.x intersect.
"""

from dataclasses import dataclass, replace

from federation.channel import Channel, Message
from federation.components.component import Component, Report, Result
from federation.components.tables.intersection_params import IntersectParams
from federation.errors import DataProblem, InvalidParameters, Problem
from federation.protocols.psi import (
    CARDINALITY_MESSAGES,
    ECDH_MESSAGES,
    OPRF_MESSAGES,
    RAW_MESSAGES,
    RSA_MESSAGES,
    count_as_guest,
    count_as_host,
    ecdh_guest,
    ecdh_host,
    oprf_guest,
    oprf_host,
    raw_guest,
    raw_host,
    rsa_guest,
    rsa_host,
)
from federation.protocols.psi import Intersection as Found
from federation.spec.catalogue import Slot
from federation.spec.party import GUEST, HOST
from federation.tables import Table

intersection = Component(
    "Intersection",
    IntersectParams,
    (
        Message("method", (GUEST, HOST), str, "which of the methods below is run"),
        *OPRF_MESSAGES,
        *RSA_MESSAGES,
        *ECDH_MESSAGES,
        *RAW_MESSAGES,
        *CARDINALITY_MESSAGES,
    ),
    class_name="IntersectParam",
    inputs=(Slot("data", many=True),),
    needs=frozenset({GUEST, HOST}),
)


class EmptyIntersection(DataProblem):
    """No id is common to all parties."""

    code = "empty_intersection"

    def __init__(self, own: int, spaced: int, others: dict[str, int]) -> None:
        brought = ", ".join(f"{party} {size}" for party, size in others.items())
        hint = f"; {spaced} ids of this party have spaces around them" if spaced else ""
        super().__init__(
            f"no id is common to all parties: this party brought {own} ids"
            f"{', ' + brought if brought else ''}{hint}. Ids match only if they are written the "
            "same: compare leading zeros, spaces, upper and lower case, hashing, and whether the "
            "first column is the id at every party",
            own=own,
            spaced=spaced,
        )


@dataclass(frozen=True, slots=True)
class Counts:
    """Sizes before and after; `common` is None where a host was not told."""

    own: int
    common: int | None

    @property
    def rate(self) -> float:
        """Share of the own ids that are common, 0 to 1."""
        return (self.common or 0) / self.own if self.own else 0.0


@intersection.on(GUEST)
async def guest(
    ch: Channel, p: IntersectParams, *, data: tuple[Table, ...], report: Report
) -> Result:
    """Find the common ids with every host and keep their rows."""
    table, ids = _input(data)
    _tell(p, report)
    await ch.hosts.send("method", p.protocol)
    if p.cardinality_only:
        common, _ = await count_as_guest(ch, ids, p.ecdh_options, tell=p.sync_cardinality)
        return _counted(table, Counts(len(ids), common), p, report)
    found = await _match(ch, p, ids)
    return _kept(table, ids, found, p, report)


@intersection.on(HOST)
async def host(
    ch: Channel, p: IntersectParams, *, data: tuple[Table, ...], report: Report
) -> Result:
    """Help the guest to find the common ids, learn them, and keep their rows."""
    table, ids = _input(data)
    _tell(p, report)
    method: str = await ch.guest.receive("method")
    if method != p.protocol:
        problem = Problem("intersect_method", f"the guest runs {method} and this host {p.protocol}")
        raise InvalidParameters([problem])
    if p.cardinality_only:
        told, _ = await count_as_host(ch, ids, p.ecdh_options, tell=p.sync_cardinality)
        return _counted(table, Counts(len(ids), told), p, report)
    found = await _match(ch, p, ids)
    return _kept(table, ids, found, p, report)


async def _match(ch: Channel, p: IntersectParams, ids: list[str]) -> Found:
    """Which own rows all parties have, by the method of the parameters."""
    at_guest = ch.me.role is GUEST
    if p.protocol == "oprf":
        return await (oprf_guest if at_guest else oprf_host)(ch, ids)
    if p.protocol == "rsa":
        return await (rsa_guest if at_guest else rsa_host)(ch, ids, p.rsa_options)
    if p.protocol == "ecdh":
        return await (ecdh_guest if at_guest else ecdh_host)(ch, ids, p.ecdh_options)
    return await (raw_guest if at_guest else raw_host)(ch, ids, p.raw_options)


def _input(data: tuple[Table, ...]) -> tuple[Table, list[str]]:
    """The table and its ids.

    Raises:
        DataProblem: not one table, no rows, or rows to be matched by another column.
    """
    if len(data) != 1:
        raise DataProblem(f"one table is needed as input data, and {len(data)} are bound")
    table = data[0]
    if not table.rows:
        raise DataProblem(f"{table.source or 'the table'} has no rows to match")
    if table.schema.match_id is not None:
        raise DataProblem(
            "matching by a match id is not available in this version; make it the row id"
        )
    return table, [text or "" for text in table.ids.to_pylist()]


def _tell(p: IntersectParams, report: Report) -> None:
    for line in p.notices:
        report.log(line)


def _kept(table: Table, ids: list[str], found: Found, p: IntersectParams, report: Report) -> Result:
    """The common rows, in the common order.

    Raises:
        EmptyIntersection: there are none.
    """
    if not found.common:
        spaced = sum(text != text.strip() for text in ids)
        raise EmptyIntersection(found.own, spaced, dict(found.sizes))
    kept = table.take(found.indices)
    if p.only_output_key:
        schema = kept.schema.with_columns((), label=None, match_id=None)
        kept = replace(kept, schema=schema, frame=kept.frame.select([schema.id_name]))
    return replace(_counted(kept, Counts(found.own, found.common), p, report), data=(kept,))


def _counted(table: Table, counts: Counts, p: IntersectParams, report: Report) -> Result:
    """Metrics and summary, with the table as it is."""
    if counts.common is not None:
        unmatched = counts.own - counts.common
        report.metric(
            "train",
            "intersection",
            "INTERSECTION",
            [
                ("intersect_count", counts.common),
                ("input_match_id_count", counts.own),
                ("intersect_rate", counts.rate),
                ("unmatched_count", unmatched),
                ("unmatched_rate", 1.0 - counts.rate),
            ],
            intersect_method=p.intersect_method,
            join_method=p.join_method,
        )
        report.log("ids are matched", common=counts.common, own=counts.own)
    summary = {
        "intersect_num": counts.common,
        "intersect_rate": None if counts.common is None else counts.rate,
        "cardinality_only": p.cardinality_only,
        "unique_id_num": counts.own,
    }
    return Result((table,), summary=summary)
