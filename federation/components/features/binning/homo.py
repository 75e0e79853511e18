"""HomoFeatureBinning: the same bins at every party of a horizontal job.

Edges are quantiles of all parties' rows together, found by asking for ranks (`rank_search`): the
arbiter asks how many rows lie up to some points, every party counts its own, and the arbiter learns
the totals by a secure sum. `recursive_query` asks for one point for each edge at once, at most
max_iter times; `virtual_summary` for sample_bins points over all edges of a column, so in fewer
rounds. A category column has one bin for each value that any party has. Labels play no part.

Learns: the arbiter and, from the points asked and the edges, the parties, total ranks of points
near the edges and the largest value to one part in a thousand; so of two parties each those of the
other. Of category columns the arbiter learns each party's values in clear, and the parties all of
them. Nothing else of a row. Semi-honest; the secure sum's limits hold (`secure_sum`).

Tolerance: ranks of edges exceed the exact quantiles' by at most error times the rows, by nothing
with error 0, where rows fall into the same bins as pooled.
Source: FATE 1.x HomoFeatureBinning; Bonawitz et al. 2017.
"""

import hashlib

import numpy as np

from federation.channel import Channel, Message, Payload
from federation.components.common.columns import numbers_of
from federation.components.common.unfit import UnfitLetter
from federation.components.component import Component, JobFacts, Model, Report, Result
from federation.components.features.binning.columns import BinnedColumn, rewritten
from federation.components.features.binning.edges import binned, category_edges
from federation.components.features.binning.model import Learned
from federation.components.features.binning.params import HomoBinningParams
from federation.components.features.binning.rank_search import RankSearch
from federation.components.features.columns import chosen, features_of, instances_in
from federation.components.features.homo_one_hot import ColumnsDiffer
from federation.errors import NonFiniteValues
from federation.protocols.secure_sum import SECURE_SUM_MESSAGES, add, agree, total
from federation.spec.catalogue import Slot
from federation.spec.party import ARBITER, GUEST, HOST
from federation.tables import Table
from federation.tables.table import Vector

MODULE = "HomoFeatureBinning"


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
        *SECURE_SUM_MESSAGES,
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
    letters: list[Columns] = [*await ch.guests.gather("columns"), *await ch.hosts.gather("columns")]
    first = letters[0]
    if any(one.digest != first.digest or one.count != first.count for one in letters):
        raise ColumnsDiffer
    per_column = [one.categories for one in letters]
    if len({len(values) for values in per_column}) > 1:
        raise ColumnsDiffer
    categories = [np.unique(np.concatenate(values)) for values in zip(*per_column, strict=True)]
    edges, rounds = await _searched(ch, p, first.count) if first.count else ([], 0)
    await _to_all(ch, Ask(points=None, edges=[*edges, *categories]))
    report.log("edges are found", columns=len(edges) + len(categories), rounds=rounds)
    return Result()


async def _counted(ch: Channel, ordered: list[Vector]) -> list[Vector]:
    """Count own rows up to every point the arbiter asks for, until it sends the edges."""
    masks = await agree(ch) if ordered else None
    while True:
        ask: Ask = await ch.arbiter.receive("ask")
        if ask.edges is not None:
            return ask.edges
        points = ask.points
        if masks is None or points is None or points.shape[:1] != (len(ordered),):
            raise UnfitLetter("ask", ch.arbiter.party)
        ranks = [
            np.searchsorted(column, line, side="right")
            for column, line in zip(ordered, points, strict=True)
        ]
        await add(ch, masks, np.concatenate(ranks).astype(np.float64))


async def _searched(ch: Channel, p: HomoBinningParams, count: int) -> tuple[list[Vector], int]:
    """Edges of `count` columns, and how many rounds they took."""

    async def ranks_of(points: np.ndarray) -> np.ndarray:
        await _to_all(ch, Ask(points=points, edges=None))
        return np.rint(await total(ch, points.size)).astype(np.int64).reshape(points.shape)

    rows = (await ranks_of(np.full((count, 1), np.inf)))[:, 0]
    recursive = p.method == "recursive_query"
    points = 1 if recursive else max(1, p.sample_bins // p.bin_num)
    search, rounds = RankSearch.of(rows, p.bin_num, p.error, points), 0
    while not search.is_done and not (recursive and rounds == p.max_iter):
        search = search.told(await ranks_of(search.asked))
        rounds += 1
    return search.edges, rounds


async def _to_all(ch: Channel, ask: Ask) -> None:
    await ch.guests.send("ask", ask)
    await ch.hosts.send("ask", ask)


def _finite(column: Vector) -> Vector:
    """The column, without infinite values.

    Raises:
        NonFiniteValues: there are some.
    """
    wrong = int(np.count_nonzero(np.isinf(column)))
    if wrong:
        raise NonFiniteValues(wrong)
    return column
