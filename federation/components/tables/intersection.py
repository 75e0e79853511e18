"""Intersection: keep the rows whose ids all parties have, without showing the other ids.

By `intersect_method`: oprf (an oblivious pseudorandom function from oblivious transfer; our own
name, and what is run where none is set, as it is the fastest that hides ids), rsa (blind
signatures, FATE's default), ecdh (Diffie-Hellman on Curve25519, which serves dh too), raw (ids or
their hashes in the clear), between the guest and each host; with several hosts the ids that all
have. All give the same rows. By `cardinality_only` just the number of common ids. By `run_cache`
just a cache of the hosts' ids, which a later job takes as its cache input; that job runs ecdh.
Ids must be there and be unique, but for the match ids of the party that generates sample ids.
All parties' output rows stand in the order of the ids' UTF-8 bytes.

Learns: what the header of the method in `federation.protocols.psi` says; with oprf, rsa
and ecdh the guest which of its ids each host has, hosts the common ids (unless
`sync_intersect_ids` is false: they then keep their table as it is), and all of them the others'
sizes; with match ids, new ids or a left join what `sample_ids` says; all whether a party has match
ids. The number of common ids becomes a metric of the job at every party that learned it.
Tolerance: exact.
Source: FATE 1.x intersect.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from federation.channel import Channel, Message, Payload
from federation.components.component import Component, Report, Result
from federation.components.tables.intersection_cache import (
    guest_cache,
    guest_sides,
    host_cache,
    host_side,
)
from federation.components.tables.intersection_params import IntersectParams
from federation.components.tables.intersection_report import (
    Counts,
    EmptyIntersection,
    looks_of,
    tell_counts,
)
from federation.components.tables.sample_ids import (
    SAMPLE_ID_MESSAGES,
    Matched,
    Naming,
    named,
)
from federation.errors import DataProblem, InvalidParameters, Problem
from federation.protocols.psi import (
    CARDINALITY_MESSAGES,
    ECDH_MESSAGES,
    OPRF_MESSAGES,
    RAW_MESSAGES,
    RSA_MESSAGES,
    EcdhOptions,
    Filter,
    FilterOptions,
    Ids,
    count_as_guest,
    count_as_host,
    ecdh_guest,
    ecdh_host,
    ecdh_keep_guest,
    ecdh_keep_host,
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


class Plan(Payload):
    """What the guest is about to run; a host that was told otherwise says so."""

    method: str
    join_role: str
    told: bool
    sample_id_generator: str
    new_ids: bool
    left_join: bool
    filtered_by: str
    matched_by_match_id: bool


class FilterBits(Payload):
    """A Bloom filter of a party's ids."""

    bits: np.ndarray
    hashes: int


intersection = Component(
    "Intersection",
    IntersectParams,
    (
        Message("match_ids", (HOST, GUEST), bool, "whether the host's table has match ids"),
        Message("plan", (GUEST, HOST), Plan, "which of the methods below is run, and how"),
        Message("filter", (GUEST, HOST), FilterBits, "for raw: bits that the guest's ids set"),
        Message("filter", (HOST, GUEST), FilterBits, "for raw: bits that the host's ids set"),
        *OPRF_MESSAGES,
        *RSA_MESSAGES,
        *ECDH_MESSAGES,
        *RAW_MESSAGES,
        *CARDINALITY_MESSAGES,
        *SAMPLE_ID_MESSAGES,
    ),
    class_name="IntersectParam",
    inputs=(Slot("data", many=True),),
    cache_in=True,
    cache_out=True,
    needs=frozenset({GUEST, HOST}),
)


@dataclass(frozen=True, slots=True)
class Work:
    """One party's share of one intersection."""

    ch: Channel
    p: IntersectParams
    table: Table
    report: Report
    cache: Mapping[str, Any] | None

    @property
    def method(self) -> str:
        """What is run; to match ids a bound cache decides before the parameters."""
        return self.p.protocol if self.cache is None or self.counts_or_keeps else "ecdh"

    @property
    def counts_or_keeps(self) -> bool:
        """Whether no rows are joined."""
        return self.p.protocol in {"count", "cache"}

    @property
    def options(self) -> EcdhOptions:
        """For Diffie-Hellman; a cache has the salt it was made with."""
        if self.cache is None:
            return self.p.ecdh_options
        return replace(self.p.ecdh_options, salt=str(self.cache["salt"]))

    def plan(self, match_ids: bool) -> Plan:
        """What this party's parameters ask for."""
        p, naming = self.p, self.naming(match_ids)
        options = p.filter_options
        return Plan(
            method=self.method,
            join_role=p.raw_options.join_role if self.method == "raw" else "",
            told=p.sync_intersect_ids,
            sample_id_generator=naming.generator.value if naming else "",
            new_ids=p.new_sample_id,
            left_join=p.join_method == "left_join",
            filtered_by=p.intersect_preprocess_params.filter_owner if options else "",
            matched_by_match_id=match_ids,
        )

    def naming(self, match_ids: bool) -> Naming | None:
        """How the joined rows are named, or None where they keep their ids."""
        p = self.p
        left = p.join_method == "left_join"
        if not (match_ids or p.new_sample_id or left) or self.counts_or_keeps:
            return None
        return Naming(p.generator, p.new_sample_id, left)


@intersection.on(GUEST)
async def guest(
    ch: Channel,
    p: IntersectParams,
    *,
    data: tuple[Table, ...],
    cache: Mapping[str, Any] | None,
    report: Report,
) -> Result:
    """Find the common ids with every host and keep their rows."""
    work = Work(ch, p, _input(data), report, cache)
    _begin(work)
    theirs = await ch.hosts.gather("match_ids")
    match_ids = any(theirs) or work.table.schema.match_id is not None
    plan = work.plan(match_ids)
    _check_seats(ch, plan)
    await ch.hosts.send("plan", plan)
    return await _run(work, match_ids)


@intersection.on(HOST)
async def host(
    ch: Channel,
    p: IntersectParams,
    *,
    data: tuple[Table, ...],
    cache: Mapping[str, Any] | None,
    report: Report,
) -> Result:
    """Help the guest to find the common ids, learn them, and keep their rows."""
    work = Work(ch, p, _input(data), report, cache)
    _begin(work)
    await ch.guest.send("match_ids", work.table.schema.match_id is not None)
    plan: Plan = await ch.guest.receive("plan")
    mine = work.plan(plan.matched_by_match_id)
    differing = [
        Problem(_FIELDS[name], f"the guest runs {value!r} and this host {own!r}")
        for (name, value), own in zip(plan, dict(mine).values(), strict=True)
        if value != own
    ]
    if differing:
        raise InvalidParameters(differing)
    return await _run(work, plan.matched_by_match_id)


_FIELDS = {
    "method": "intersect_method",
    "join_role": "join_role",
    "told": "sync_intersect_ids",
    "sample_id_generator": "sample_id_generator",
    "new_ids": "new_sample_id",
    "left_join": "join_method",
    "filtered_by": "intersect_preprocess_params.filter_owner",
    "matched_by_match_id": "with_sample_id",
}


def _check_seats(ch: Channel, plan: Plan) -> None:
    """Say no to a generator that nobody could tell.

    Raises:
        InvalidParameters: several hosts are to generate, or a host that is the only one to know.
    """
    if plan.sample_id_generator != HOST.value:
        return
    path = "sample_id_generator"
    if len(ch.hosts) > 1:
        raise InvalidParameters([Problem(path, "of several hosts none can be the one; use guest")])
    if not plan.told:
        raise InvalidParameters([Problem(path, "a host needs sync_intersect_ids to name the rows")])


async def _run(work: Work, match_ids: bool) -> Result:
    naming = work.naming(match_ids)
    generates = naming is not None and work.ch.me.role is naming.generator
    matched = Matched.of(work.table, repeats=generates and match_ids)
    if work.method == "cache":
        return await _make_cache(work, matched.ids)
    if work.method == "count":
        return await _count(work, matched.ids)
    found = await _filtered_match(work, matched.ids)
    if not found.told:
        counts = Counts(found.own, None)
        return Result((work.table,), summary=tell_counts(counts, work.p, work.report))
    if not found.common and not (naming and naming.left):
        raise EmptyIntersection(found.own, found.sizes, looks_of(matched.ids))
    if naming is not None and work.p.sync_intersect_ids:
        kept = await named(work.ch, matched, found.indices, naming)
    else:
        kept = work.table.take(matched.rows(found.indices))
    if work.p.only_output_key:
        schema = kept.schema.with_columns((), label=None, match_id=None)
        kept = replace(kept, schema=schema, frame=kept.frame.select([schema.id_name]))
    counts = Counts(found.own, found.common)
    return Result((kept,), summary=tell_counts(counts, work.p, work.report))


async def _filtered_match(work: Work, ids: Ids) -> Found:
    """Which ids all parties have, where asked for with a filter sent ahead."""
    options = work.p.filter_options
    if options is None:
        return await _match(work, ids)
    ids.check()
    rows = await _left_in(work, ids, options)
    found = await _match(work, ids.at(rows))
    return replace(found, indices=rows[found.indices], own=len(ids))


async def _left_in(work: Work, ids: Ids, options: FilterOptions) -> np.ndarray:
    """The rows that the other side's filter does not rule out."""
    ch, owner = work.ch, work.p.intersect_preprocess_params.filter_owner
    others = [ch.guest] if ch.me.role is HOST else list(ch.hosts)
    if owner == ch.me.role.value:
        made = Filter.of(ids, options)
        for peer in others:
            await peer.send("filter", FilterBits(bits=made.bits, hashes=made.hashes))
        return np.arange(len(ids))
    stays = np.ones(len(ids), dtype=np.bool_)
    for peer in others:
        told: FilterBits = await peer.receive("filter")
        stays &= Filter.checked(told.bits, told.hashes).may_have(ids, options)
    rows = np.flatnonzero(stays)
    work.report.log("a filter has ruled ids out", stays=len(rows), own=len(ids))
    return rows


async def _match(work: Work, ids: Ids) -> Found:
    """Which own rows all parties have, by the method of the parameters."""
    ch, p, tell = work.ch, work.p, work.p.sync_intersect_ids
    at_guest = ch.me.role is GUEST
    if work.method == "oprf":
        return await (oprf_guest if at_guest else oprf_host)(ch, ids, tell=tell)
    if work.method == "rsa":
        return await (rsa_guest if at_guest else rsa_host)(ch, ids, p.rsa_options, tell=tell)
    if work.method == "raw":
        return await (raw_guest if at_guest else raw_host)(ch, ids, p.raw_options, tell=tell)
    cache, options = work.cache, work.options
    if at_guest:
        hosts = [str(host.party) for host in ch.hosts]
        lists = None if cache is None else guest_sides(cache, hosts)
        return await ecdh_guest(ch, ids, options, tell=tell, kept=lists)
    side = None if cache is None else host_side(cache, ids)
    return await ecdh_host(ch, ids, options, tell=tell, kept=side)


async def _count(work: Work, ids: Ids) -> Result:
    options, tell = work.p.ecdh_options, work.p.sync_cardinality
    count = count_as_guest if work.ch.me.role is GUEST else count_as_host
    common, _ = await count(work.ch, ids, options, tell=tell)
    counts = Counts(len(ids), common)
    return Result((work.table,), summary=tell_counts(counts, work.p, work.report))


async def _make_cache(work: Work, ids: Ids) -> Result:
    options = work.p.ecdh_options
    if work.ch.me.role is GUEST:
        kept = guest_cache(await ecdh_keep_guest(work.ch), options.salt)
    else:
        kept = host_cache(await ecdh_keep_host(work.ch, ids, options), ids, options.salt)
    work.report.log("the cache is made", own=len(ids))
    return Result((work.table,), cache=kept, summary={"intersect_num": None})


def _input(data: tuple[Table, ...]) -> Table:
    """The table.

    Raises:
        DataProblem: not one table, or no rows.
    """
    if len(data) != 1:
        raise DataProblem(f"one table is needed as input data, and {len(data)} are bound")
    if not data[0].rows:
        raise DataProblem(f"{data[0].source or 'the table'} has no rows to match")
    return data[0]


def _begin(work: Work) -> None:
    """Say what is done differently from what was asked.

    Raises:
        InvalidParameters: a cache is bound, and ids are to go in the clear.
    """
    if work.cache is not None and work.p.protocol == "raw":
        raise InvalidParameters([Problem("intersect_method", "raw takes no cache; name ecdh")])
    for line in work.p.notices:
        work.report.log(line)
    if work.cache is not None and not work.counts_or_keeps:
        work.report.log("the cache is used: ecdh is run")
