"""Ids of the joined rows: which column is matched, and what the rows are called afterwards.

Rows are matched by their match id where a table has one, else by their row id. The party that
generates sample ids may have a match id in several rows; its row ids become the ids of all parties'
rows, and other parties repeat their row for each of them. It may also give all rows new ids, and by
a left join keep its rows that are not common: other parties then have empty rows for those.

Learns: the other parties the generator's row ids of common rows, and so how often it has each
common id; by a left join also the row ids (new ones, where asked for) of its other rows.
Source: FATE 1.x intersect, match ids and `sample_id_generator`.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from federation.channel import Channel, Message, Peer
from federation.errors import BadIntersection, DuplicateIds
from federation.protocols.psi import Ids
from federation.protocols.psi.exchange import (
    parts,
    receive_lines,
    receive_size,
    send_lines,
    shuffled,
)
from federation.spec.party import GUEST, HOST, Role
from federation.tables import Table
from federation.wire.codec import StringVector

Rows = NDArray[np.int64]

SAMPLE_ID_MESSAGES = tuple(
    Message(tag, route, payload, doc)
    for route in ((GUEST, HOST), (HOST, GUEST))
    for tag, payload, doc in (
        ("sample.size", int, "how many rows the generator has in the join"),
        ("sample.ids", StringVector, "the ids of these rows: common ones, then others"),
        ("sample.repeats", np.ndarray, "how often the generator has each common id"),
    )
)

_NO_REPEATS: Rows = np.empty(0, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Matched:
    """A table and the ids its rows are matched by.

    Attributes:
        ids: what is matched, each once where `groups` says which rows have it.
        groups: row numbers by id: those of id i are order[starts[i]:starts[i + 1]].
    """

    table: Table
    ids: Ids
    order: Rows
    starts: Rows

    @classmethod
    def of(cls, table: Table, *, repeats: bool) -> "Matched":
        """The rows of a table by their match ids, or by their row ids if there are none.

        Args:
            repeats: whether several rows may have one id.
        """
        column = table.ids
        if table.schema.match_id is not None:
            column = table.frame.column(table.schema.match_id).cast(pa.string())
        if not repeats:
            rows = np.arange(table.rows + 1)
            return cls(table, Ids(column), rows[:-1], rows)
        coded = Ids(column).column.dictionary_encode()
        codes = np.asarray(coded.indices.to_numpy(), dtype=np.int64)
        counts = np.bincount(codes, minlength=len(coded.dictionary))
        starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        return cls(table, Ids(coded.dictionary), np.argsort(codes, kind="stable"), starts)

    def repeats(self, found: Rows) -> Rows:
        """How many rows have each of some ids."""
        return self.starts[found + 1] - self.starts[found]

    def rows(self, found: Rows) -> Rows:
        """The rows of some ids, in the order of these."""
        counts = self.repeats(found)
        shift = self.starts[found] - (np.cumsum(counts) - counts)
        places = np.repeat(shift, counts) + np.arange(int(counts.sum()))
        picked: Rows = self.order[places]
        return picked

    def rest(self, rows: Rows) -> Rows:
        """All rows but these, in an order that tells nothing."""
        mask = np.ones(self.table.rows, dtype=np.bool_)
        mask[rows] = False
        others = np.flatnonzero(mask)
        return others[shuffled(len(others))]


@dataclass(frozen=True, slots=True)
class Naming:
    """How joined rows are named, the same at all parties.

    Attributes:
        generator: whose row ids count.
        new: whether the generator makes new ones.
        left: whether the generator's other rows are kept.
    """

    generator: Role
    new: bool = False
    left: bool = False


async def named(ch: Channel, matched: Matched, found: Rows, naming: Naming) -> Table:
    """The joined rows under their sample ids, in the order of these.

    Args:
        ch: with `SAMPLE_ID_MESSAGES` declared.
        found: the common ids, in the order all parties have them.

    Raises:
        DuplicateIds: the generator's row ids are not unique.
        BadIntersection: its letters do not fit the common ids.
    """
    if ch.me.role is naming.generator:
        return await _generate(ch, matched, found, naming)
    peer = ch.guest if naming.generator is GUEST else ch.hosts[0]
    ids, repeats = await _receive(peer, len(found))
    if naming.generator is HOST:
        for other in ch.hosts[1:]:
            await _send(other, ids, repeats)
    return _renamed(matched.table, np.repeat(matched.rows(found), repeats), ids, naming)


async def _generate(ch: Channel, matched: Matched, found: Rows, naming: Naming) -> Table:
    table, rows = matched.table, matched.rows(found)
    Ids(table.ids).check()
    if naming.left:
        rows = np.concatenate([rows, matched.rest(rows)])
    ids: Sequence[str] = Ids(table.ids).at(rows)
    if naming.new:
        prefix, width = secrets.token_hex(8), len(str(len(rows)))
        ids = [f"{prefix}{number:0{width}}" for number in range(len(rows))]
    for peer in [ch.guest] if ch.me.role is HOST else list(ch.hosts):
        await _send(peer, ids, matched.repeats(found))
    return _renamed(table, rows, ids, naming)


async def _send(peer: Peer, ids: Sequence[str], repeats: Rows) -> None:
    await peer.send("sample.size", len(ids))
    await send_lines(peer, "sample.repeats", repeats)
    for part in parts(len(ids)):
        await peer.send("sample.ids", StringVector.from_strings(ids[part]))


async def _receive(peer: Peer, common: int) -> tuple[list[str], Rows]:
    size = await receive_size(peer, "sample.size")
    repeats = await receive_lines(peer, "sample.repeats", common, _NO_REPEATS)
    ids: list[str] = []
    for part in parts(size):
        column: StringVector = await peer.receive("sample.ids")
        if len(column) != part.stop - part.start:
            raise BadIntersection(f"{peer.party} sent another number of ids than announced")
        ids += column.to_strings()
    if np.any(repeats < 1) or int(repeats.sum()) > size:
        raise BadIntersection(f"{peer.party} sent fewer ids than it has common rows")
    try:
        Ids(ids).check()
    except DuplicateIds:
        raise BadIntersection(f"{peer.party} sent an id twice") from None
    return ids, repeats


def _renamed(table: Table, rows: Rows, ids: Sequence[str], naming: Naming) -> Table:
    """Some rows, then empty ones, under the given ids and in the order of these."""
    kept = table.take(rows)
    empty = len(ids) - len(rows)
    if empty and not naming.left:
        raise BadIntersection("there are more sample ids than rows")
    schema, frame = table.schema, kept.frame
    before = frame.column(0).combine_chunks()
    if empty:
        nothing = {field.name: pa.nulls(empty, field.type) for field in frame.schema}
        frame = pa.concat_tables([frame, pa.table(nothing, schema=frame.schema)])
    names = pa.array(list(ids), before.type)
    frame = frame.set_column(0, schema.id_name, names)
    if schema.match_id is None and not names.slice(0, len(rows)).equals(before):
        # What the rows were matched by stays with them, as the match id.
        name = _free(f"{schema.id_name}_matched", schema.header)
        column = pa.concat_arrays([before, pa.nulls(empty, before.type)])
        frame = frame.add_column(1, name, column)
        schema = schema.with_columns((name, *schema.columns), match_id=name)
    order = Ids(ids).in_order(np.arange(len(ids)))
    return replace(kept, schema=schema, frame=frame).take(order)


def _free(name: str, taken: Sequence[str]) -> str:
    while name in taken:
        name += "_"
    return name
