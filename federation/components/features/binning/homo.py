"""HomoFeatureBinning: the same bins at every party of a horizontal job.

Edges are quantiles of all parties' rows together, found by asking for ranks (`rank_search`): the
arbiter asks how many rows lie up to some points, every party counts its own, and the arbiter learns
the totals by a secure sum. `recursive_query` asks for one point for each edge at once, at most
max_iter times; `virtual_summary` for sample_bins points over all edges of a column, so in fewer
rounds. A category column has one bin for each value that any party has. Labels play no part.

A party that leaves once the counting has begun does not disturb the others while more than half of
all are left: the search begins anew, and the bins are those of the rows of who is left.

Learns: the arbiter and, from the points asked and the edges, the parties, total ranks of points
near the edges and the largest value to one part in a thousand; so of two parties each those of the
other. Of a party that leaves during the search the arbiter also learns its own ranks of points that
were asked before and after, and everyone that it left. Of category columns the arbiter learns each
party's values in clear, and the parties those of all who stay. Nothing else of a row. Semi-honest;
the limits of `lasting_sum` hold.

Tolerance: ranks of edges exceed the exact quantiles' by at most error times the rows, by nothing
with error 0, where rows fall into the same bins as pooled.
Source: FATE 1.x HomoFeatureBinning; Bonawitz et al. 2017.
"""

import hashlib
from dataclasses import dataclass

import numpy as np

from federation.channel import Channel, Message, Payload
from federation.components.common.columns import numbers_of
from federation.components.common.unfit import UnfitLetter
from federation.components.component import Component, JobFacts, Model, Report, Result
from federation.components.features.binning.columns import BinnedColumn, rewritten
from federation.components.features.binning.edges import binned, category_edges
from federation.components.features.binning.model import Learned
from federation.components.features.binning.params import HomoBinningParams
from federation.components.features.binning.rank_search import Ranks, RankSearch
from federation.components.features.columns import chosen, features_of, instances_in
from federation.components.features.homo_one_hot import ColumnsDiffer
from federation.errors import NonFiniteValues
from federation.protocols.lasting_sum import (
    LASTING_SUM_MESSAGES,
    Judge,
    add,
    join,
    judge,
    threshold_of,
    total,
)
from federation.spec.catalogue import Slot
from federation.spec.party import ARBITER, GUEST, HOST, Party
from federation.tables import Table
from federation.tables.table import Matrix, Vector

MODULE = "HomoFeatureBinning"

MOST_ROUNDS = 65
"""A search asks no more often: to halve all doubles takes 64, to make sure one more."""


class Columns(Payload):
    """What a party would bin.

    Attributes:
        digest: of the names of all binned columns, in order.
        count: columns that are no categories.
        categories: of each category column its values.
    """

    digest: bytes
    count: int
    categories: list[np.ndarray]


class Ask(Payload):
    """Points whose ranks are wanted, or the edges that were found.

    Attributes:
        points: shape (c, m); None at the end.
        edges: one line for each column, then for each category column; None before the end.
    """

    points: np.ndarray | None
    edges: list[np.ndarray] | None


homo_feature_binning = Component(
    MODULE,
    HomoBinningParams,
    messages=(
        *LASTING_SUM_MESSAGES,
        Message("columns", (GUEST, ARBITER), Columns, "a digest of names; values of categories"),
        Message("columns", (HOST, ARBITER), Columns, "a digest of names; values of categories"),
        Message("ask", (ARBITER, GUEST), Ask, "points whose ranks are wanted, at last the edges"),
        Message("ask", (ARBITER, HOST), Ask, "points whose ranks are wanted, at last the edges"),
    ),
    class_name="HomoFeatureBinningParam",
    inputs=(Slot("data"),),
    model_in=True,
    model_out=True,
    needs=frozenset({GUEST, ARBITER}),
)


@homo_feature_binning.on(GUEST, HOST)
async def client(
    ch: Channel,
    p: HomoBinningParams,
    *,
    data: Table | None,
    model: Model | None,
    report: Report,
    facts: JobFacts,
) -> Result:
    """Rows in the bins of all parties."""
    table = instances_in(data)
    if model is not None:
        return Result(data=(rewritten(table, model.state),), model=model)
    features = features_of(table)
    categories = chosen(features, p.category_indexes, p.category_names)
    wanted = chosen(features, p.bin_indexes, p.bin_names)
    names = [name for name in wanted if name not in categories]
    columns = [_finite(numbers_of(table, name)) for name in names]
    values = [category_edges(numbers_of(table, name), name) for name in categories]
    digest = hashlib.sha256("\0".join([*names, "", *categories]).encode()).digest()
    shape = Columns(digest=digest, count=len(names), categories=values)
    await ch.arbiter.send("columns", shape)
    ordered = [np.sort(column[~np.isnan(column)]) for column in columns]
    edges = await _counted(ch, ordered)
    if len(edges) != len(names) + len(categories):
        raise UnfitLetter("ask", ch.arbiter.party)
    found = [
        BinnedColumn(name, cuts, binned(numbers_of(table, name), cuts), features.index(name))
        for name, cuts in zip([*names, *categories], edges, strict=True)
    ]
    found.sort(key=lambda column: column.place)
    report.log("columns are binned", columns=len(found))
    return Learned(found).result(table, p, MODULE, facts)


@homo_feature_binning.on(ARBITER)
async def arbiter(
    ch: Channel, p: HomoBinningParams, *, model: Model | None, report: Report
) -> Result:
    """Search for the edges by total ranks."""
    if model is not None:
        return Result()
    letters: dict[Party, Columns] = {
        peer.party: await peer.receive("columns") for peer in (*ch.guests, *ch.hosts)
    }
    first, *rest = letters.values()
    shapes = {(one.digest, one.count, len(one.categories)) for one in (first, *rest)}
    if len(shapes) > 1:
        raise ColumnsDiffer
    asking, edges = Asking(ch, p, tuple(letters)), list[Vector]()
    if first.count:
        edges = await asking.searched(first.count)
    staying = [letters[party].categories for party in asking.staying]
    categories = [np.unique(np.concatenate(values)) for values in zip(*staying, strict=True)]
    await asking.send(Ask(points=None, edges=[*edges, *categories]))
    report.log("edges are found", columns=len(edges) + len(categories), rounds=asking.rounds)
    return Result()


async def _counted(ch: Channel, ordered: list[Vector]) -> list[Vector]:
    """Count own rows up to every point the arbiter asks for, until it sends the edges."""
    member = await join(ch, _most_sums(ch)) if ordered else None
    while True:
        ask: Ask = await ch.arbiter.receive("ask")
        if ask.edges is not None:
            return ask.edges
        points = ask.points
        if member is None or points is None or points.shape[:1] != (len(ordered),):
            raise UnfitLetter("ask", ch.arbiter.party)
        ranks = [
            np.searchsorted(column, line, side="right")
            for column, line in zip(ordered, points, strict=True)
        ]
        await add(ch, member, np.concatenate(ranks).astype(np.float64))


def _most_sums(ch: Channel) -> int:
    """How many sums all searches may take, each but the first begun because somebody left."""
    parties = sum(len(ch.parties.get(role, ())) for role in (GUEST, HOST))
    return (1 + MOST_ROUNDS) * (1 + parties - threshold_of(parties))


@dataclass(slots=True)
class Asking:
    """How the arbiter asks for total ranks.

    Attributes:
        everyone: all that have columns.
        state: of the sums; None before the first.
        rounds: how many sums the last search took.
    """

    ch: Channel
    p: HomoBinningParams
    everyone: tuple[Party, ...]
    state: Judge | None = None
    rounds: int = 0

    @property
    def staying(self) -> list[Party]:
        """Who has not left."""
        return [p for p in self.everyone if self.state is None or p not in self.state.left]

    async def send(self, ask: Ask) -> None:
        """Ask all who have not left, or tell them the edges."""
        for party in self.staying:
            await self.ch.peer(party).send("ask", ask)

    async def searched(self, count: int) -> list[Vector]:
        """Edges of `count` columns, by the rows of who stays until they are found.

        Raises:
            TooFewStayed: no more than half of the parties are left.
        """
        self.state = await judge(self.ch)
        found = None
        while found is None:
            found = await self._found(self.state, count)
        return found

    async def _found(self, state: Judge, count: int) -> list[Vector] | None:
        """The edges, or nothing where somebody left before they were found."""
        rows = (await self._ranks_of(state, np.full((count, 1), np.inf)))[:, 0]
        there, recursive = len(state.left), self.p.method == "recursive_query"
        points = 1 if recursive else max(1, self.p.sample_bins // self.p.bin_num)
        search = RankSearch.of(rows, self.p.bin_num, self.p.error, points)
        most = self.p.max_iter if recursive else MOST_ROUNDS
        self.rounds = 0
        while not search.is_done and self.rounds < min(most, MOST_ROUNDS):
            ranks = await self._ranks_of(state, search.asked)
            if len(state.left) > there:
                return None
            search = search.told(ranks)
            self.rounds += 1
        return search.edges

    async def _ranks_of(self, state: Judge, points: Matrix) -> Ranks:
        await self.send(Ask(points=points, edges=None))
        ranks = await total(self.ch, state, points.size)
        return np.rint(ranks).astype(np.int64).reshape(points.shape)


def _finite(column: Vector) -> Vector:
    """The column, without infinite values.

    Raises:
        NonFiniteValues: there are some.
    """
    wrong = int(np.count_nonzero(np.isinf(column)))
    if wrong:
        raise NonFiniteValues(wrong)
    return column
