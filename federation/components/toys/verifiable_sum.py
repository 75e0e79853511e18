"""FeldmanVerifiableSum: columns of all parties added row by row, with shares that can be checked.

Every party deals each of its values, as an integer with `q_n` decimal digits, to all parties in
shares of which all are needed, and shows commitments to them (see verifiable_sharing). Everyone
checks the shares it got, adds them, and gives the sum of its shares to the guest, which checks that
too and puts the sums together:

    s_j = sum_i f_i(j)        sum_i x_i = the secret of s_1 .. s_k

Learns: the guest the sum of each row and column; from it, with one host, the host's values, for a
sum of two hides nothing from one of them. A host learns nothing of others' values. Who deals or
adds wrongly is found out by name.
FATE commits to values as g**x mod p, which lets anyone who sees them test guesses of x; commitments
here hide them. Exact to half a unit of the last digit of each addend.
Source: FATE 1.5 feldman_verifiable_sum; Feldman 1987; Pedersen 1991.
"""

import asyncio
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from pydantic import Field, field_validator

from federation.channel import Channel, Message, Payload
from federation.components.common.row_order import RowOrder
from federation.components.component import Component, Report, Result
from federation.components.params import Params
from federation.errors import DataProblem, NonFiniteValues
from federation.protocols.verifiable_sharing import (
    ORDER,
    POINT_BYTES,
    BadShare,
    Dealt,
    added,
    deal,
    fits,
    opened,
)
from federation.spec.catalogue import Slot
from federation.spec.party import GUEST, HOST, Party
from federation.tables import Table, TableKind
from federation.tables.table import Matrix
from federation.wire.codec import BigIntVector

Points = list[list[bytes]]
"""For each value the commitments to its coefficients."""

_WIDTH = 32
_MOST = 2.0**120


class VerifiableSumParams(Params):
    """FATE's FeldmanVerifiableSumParam."""

    LEGACY: ClassVar[dict[str, str]] = {}

    sum_cols: list[int] | None = Field(
        None, description="positions of the columns to add, from 0; null: all"
    )
    q_n: int = Field(6, ge=0, le=15, description="decimal digits that are kept")

    @field_validator("sum_cols")
    @classmethod
    def _positions(cls, columns: list[int] | None) -> list[int] | None:
        if columns is not None and (min(columns, default=0) < 0 or len({*columns}) < len(columns)):
            raise ValueError("names positions from 0, each once")
        return columns


class Shares(Payload):
    """A holder's shares of many values, in order.

    Attributes:
        values: f(holder), `blinds` r(holder).
    """

    values: BigIntVector
    blinds: BigIntVector


class Sheet(Payload):
    """What the parties agree on before they deal.

    Attributes:
        ids: SHA-256 of the sorted ids.
        columns: how many are added.
    """

    ids: bytes
    columns: int


_BETWEEN = ((GUEST, HOST), (HOST, GUEST), (HOST, HOST))

verifiable_sum = Component(
    "FeldmanVerifiableSum",
    VerifiableSumParams,
    (
        Message("sheet", (GUEST, HOST), Sheet, "a digest of all ids, and the number of columns"),
        *(
            Message("shares", way, Shares, "the receiver's shares of the sender's values")
            for way in _BETWEEN
        ),
        *(
            Message("commitments", way, np.ndarray, "to the polynomials of each value, points")
            for way in _BETWEEN
        ),
        Message("sums", (HOST, GUEST), Shares, "the sums of the sender's shares"),
    ),
    class_name="FeldmanVerifiableSumParam",
    inputs=(Slot("data"),),
    needs=frozenset({GUEST, HOST}),
)


@verifiable_sum.on(GUEST)
async def guest(
    ch: Channel, p: VerifiableSumParams, *, data: Table | None, report: Report
) -> Result:
    """Deal own values, check and add shares, and put the sums together."""
    table, order, names, values = _bound(data, p)
    await ch.hosts.send("sheet", Sheet(ids=order.digest, columns=len(names)))
    own, commitments = await _swapped(ch, values)
    holders = _everyone(ch)
    total = await asyncio.to_thread(_added, commitments)
    shares = {1: own[0]}
    for holder, party in enumerate(holders[1:], start=2):
        sums: Shares = await ch.peer(party).receive("sums")
        pairs = _pairs(sums, values.size, party)
        await asyncio.to_thread(_check, pairs, total, holder, party)
        shares[holder] = [value for value, _ in pairs]
    report.log("all shares fit their commitments", parties=len(holders))
    secrets = [
        opened({holder: line[place] for holder, line in shares.items()})
        for place in range(values.size)
    ]
    sums_of = np.array(secrets, dtype=np.float64).reshape(values.shape) / 10.0**p.q_n
    placed = np.empty_like(sums_of)
    placed[order.order] = sums_of
    return Result((Table.instances(table.ids, placed, names, id_name=table.schema.id_name),))


@verifiable_sum.on(HOST)
async def host(
    ch: Channel, p: VerifiableSumParams, *, data: Table | None, report: Report
) -> Result:
    """Deal own values, check and add shares, and give the sums to the guest."""
    _, order, names, values = _bound(data, p)
    sheet: Sheet = await ch.guest.receive("sheet")
    order.check(sheet.ids, str(ch.guest.party))
    if sheet.columns != len(names):
        raise DataProblem(
            f"the guest adds {sheet.columns} columns and this host {len(names)}; set sum_cols"
        )
    (own, blinds), _ = await _swapped(ch, values)
    report.log("all shares fit their commitments")
    await ch.guest.send("sums", Shares(values=_vector(own), blinds=_vector(blinds)))
    return Result()


async def _swapped(ch: Channel, values: Matrix) -> tuple[tuple[list[int], list[int]], list[Points]]:
    """Deal own integers to everyone; the sums of own shares, and the commitments of all dealers.

    Raises:
        BadShare: a dealer's share does not fit its commitments.
    """
    everyone = _everyone(ch)
    dealt = await asyncio.to_thread(_deal, values, len(everyone))
    points = [one.commitments for one in dealt]
    lines = np.frombuffer(b"".join(b"".join(one) for one in points), dtype=np.uint8)
    letter = lines.reshape(len(dealt), -1)
    mine = everyone.index(ch.me) + 1
    commitments: list[Points] = []
    for holder, party in enumerate(everyone, start=1):
        if party != ch.me:
            pairs = [one.share(holder) for one in dealt]
            told = Shares(
                values=_vector([value for value, _ in pairs]),
                blinds=_vector([blind for _, blind in pairs]),
            )
            await ch.peer(party).send("commitments", letter)
            await ch.peer(party).send("shares", told)
    sums, blinds = [0] * len(dealt), [0] * len(dealt)
    for party in everyone:
        pairs, theirs = [one.share(mine) for one in dealt], points
        if party != ch.me:
            told_points: np.ndarray = await ch.peer(party).receive("commitments")
            if told_points.dtype != np.uint8 or told_points.shape != letter.shape:
                raise BadShare(party)
            theirs = [_points(line.tobytes()) for line in told_points]
            shares: Shares = await ch.peer(party).receive("shares")
            pairs = _pairs(shares, len(dealt), party)
            await asyncio.to_thread(_check, pairs, theirs, mine, party)
        commitments.append(theirs)
        sums = [a + value for a, (value, _) in zip(sums, pairs, strict=True)]
        blinds = [a + blind for a, (_, blind) in zip(blinds, pairs, strict=True)]
    return ([v % ORDER for v in sums], [v % ORDER for v in blinds]), commitments


def _bound(data: Table | None, p: VerifiableSumParams) -> tuple[Table, RowOrder, list[str], Matrix]:
    """The table, its order, and the columns to add as integers, shape (n, c), in that order."""
    if data is None:
        raise DataProblem("bind data to add")
    data.require(TableKind.INSTANCES)
    features = list(data.feature_names)
    wanted = range(len(features)) if p.sum_cols is None else p.sum_cols
    absent = [position for position in wanted if position >= len(features)]
    if absent or not features or not data.rows:
        raise DataProblem(
            f"sum_cols names position {absent[0]}, and there are {len(features)} columns"
            if absent
            else "there is nothing to add"
        )
    names, order = [features[position] for position in wanted], RowOrder.of(data)
    matrix = np.column_stack([data.numbers(name) for name in names])[order.order]
    scaled = np.rint(matrix * 10.0**p.q_n)
    wrong = int(np.count_nonzero(~(np.abs(scaled) < _MOST)))
    if wrong:
        raise NonFiniteValues(wrong)
    return data, order, names, scaled


def _deal(values: Matrix, parties: int) -> list[Dealt]:
    return [deal(int(value), parties) for value in values.ravel().tolist()]


def _added(commitments: Sequence[Points]) -> Points:
    return [added(one) for one in zip(*commitments, strict=True)]


def _check(pairs: Sequence[tuple[int, int]], points: Points, holder: int, party: Party) -> None:
    if not all(fits(pair, one, holder) for pair, one in zip(pairs, points, strict=True)):
        raise BadShare(party)


def _pairs(shares: Shares, count: int, party: Party) -> list[tuple[int, int]]:
    vectors = (shares.values, shares.blinds)
    if any(len(vector) != count or vector.width != _WIDTH for vector in vectors):
        raise BadShare(party)
    return list(zip(shares.values.to_ints(), shares.blinds.to_ints(), strict=True))


def _points(line: bytes) -> list[bytes]:
    return [line[start : start + POINT_BYTES] for start in range(0, len(line), POINT_BYTES)]


def _vector(values: Sequence[int]) -> BigIntVector:
    return BigIntVector.from_ints(values, _WIDTH)


def _everyone(ch: Channel) -> list[Party]:
    return [Party(role, name) for role in (GUEST, HOST) for name in ch.parties.get(role, ())]
