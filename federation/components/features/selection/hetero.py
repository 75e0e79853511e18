"""HeteroFeatureSelection: which features stay, filter by filter, at every party.

Filters and their rules stand in `filters`, what they go by in `sources`. A filter that goes by a
metric which the guest knows of hosts' features too (information values, importances, correlations)
is decided by the guest for all, if select_federated says so; any other by each party for itself.

For such a filter a host tells the guest by their places which features it still has, and the guest
answers which of them stay. Learns: the guest, which of a host's features, known by place alone, a
host's own filters have left; a host, which of its features the guest keeps; so of the guest's
labels what that tells. No row, name or value is sent.

Exact: the same features as on pooled columns. Source: FATE 1.x HeteroFeatureSelection.
"""

import numpy as np

from federation.channel import Channel, Message, Payload
from federation.components.common.columns import require_columns
from federation.components.common.unfit import UnfitLetter
from federation.components.component import Component, JobFacts, Model, Report, Result
from federation.components.features.columns import chosen, features_of, instances_in, with_columns
from federation.components.features.selection.filters import Decision, Filters
from federation.components.features.selection.model import Selected
from federation.components.features.selection.params import SelectionParams
from federation.components.features.selection.sources import Key, Sources
from federation.errors import DataProblem
from federation.spec.catalogue import Slot
from federation.spec.party import GUEST, HOST, Party
from federation.tables import Table


class FiltersDiffer(DataProblem):
    """Parties were given other filters."""

    code = "filters_differ"

    def __init__(self) -> None:
        super().__init__("guest and host have other filter_methods; give them once, under common")


class Plan(Payload):
    """How the run goes.

    Attributes:
        filters: names, in order.
        decided: for each whether the guest decides for all.
    """

    filters: list[str]
    decided: list[bool]


hetero_feature_selection = Component(
    "HeteroFeatureSelection",
    SelectionParams,
    messages=(
        Message("plan", (GUEST, HOST), Plan, "the filters, and which of them the guest decides"),
        Message("candidates", (HOST, GUEST), np.ndarray, "places of the features still there"),
        Message("kept", (GUEST, HOST), np.ndarray, "places of those that stay"),
    ),
    class_name="FeatureSelectionParam",
    inputs=(Slot("data"),),
    model_in=True,
    isometric_in=True,
    model_out=True,
    needs=frozenset({GUEST}),
)


@hetero_feature_selection.on(GUEST)
async def guest(
    ch: Channel,
    p: SelectionParams,
    *,
    data: Table | None,
    model: Model | None,
    isometric_model: tuple[Model, ...],
    report: Report,
    facts: JobFacts,
) -> Result:
    """Decide for all where values of all are known, else for oneself."""
    table = instances_in(data)
    if model is not None:
        return Result(data=(_narrowed(table, model.state["kept"]),), model=model)
    me, features = ch.me, features_of(table)
    hosts = [peer.party for peer in ch.hosts]
    filters = Filters(p, Sources(me, features, table, isometric_model), hosts)
    decided = [bool(hosts) and filters.knows_hosts(method) for method in p.filter_methods]
    await ch.hosts.send("plan", Plan(filters=list(p.filter_methods), decided=decided))
    left = _first(me, features, p)
    selected = Selected(me, features, p, facts.component)
    for at, method in enumerate(p.filter_methods):
        others = await _candidates(ch.scope("filter", at)) if decided[at] else []
        decision = filters.decide(method, left + others)
        if decided[at]:
            for peer in ch.scope("filter", at).hosts:
                await peer.send("kept", np.array(decision.of(peer.party)[2], dtype=np.int64))
        left = _noted(selected, method, decision, report)
    return _result(table, selected, left, filters, report)


@hetero_feature_selection.on(HOST)
async def host(
    ch: Channel,
    p: SelectionParams,
    *,
    data: Table | None,
    model: Model | None,
    isometric_model: tuple[Model, ...],
    report: Report,
    facts: JobFacts,
) -> Result:
    """Follow the guest where it decides, else decide for oneself."""
    table = instances_in(data)
    if model is not None:
        return Result(data=(_narrowed(table, model.state["kept"]),), model=model)
    me, features = ch.me, features_of(table)
    hosts = [Party(HOST, party_id) for party_id in ch.parties[HOST]]
    filters = Filters(p, Sources(me, features, table, isometric_model), hosts)
    plan: Plan = await ch.guest.receive("plan")
    if plan.filters != list(p.filter_methods) or len(plan.decided) != len(plan.filters):
        raise FiltersDiffer
    left = _first(me, features, p)
    selected = Selected(me, features, p, facts.component)
    for at, (method, by_guest) in enumerate(zip(plan.filters, plan.decided, strict=True)):
        if by_guest:
            decision = await _told(ch.scope("filter", at), left)
        else:
            decision = filters.decide(method, left)
        left = _noted(selected, method, decision, report)
    return _result(table, selected, left, filters, report)


def _first(me: Party, features: tuple[str, ...], p: SelectionParams) -> list[Key]:
    """The own features that may go."""
    names = chosen(features, p.select_col_indexes, p.select_names)
    return [(me, features.index(name)) for name in names]


async def _candidates(ch: Channel) -> list[Key]:
    """The features that hosts still have.

    Raises:
        UnfitLetter: they are no ascending places.
    """
    letters = await ch.hosts.gather("candidates")
    found: list[Key] = []
    for peer, places in zip(ch.hosts, letters, strict=True):
        fits = places.dtype == np.int64 and places.ndim == 1
        if not fits or (np.diff(places, prepend=-1) <= 0).any():
            raise UnfitLetter("candidates", peer.party)
        found += [(peer.party, place) for place in places.tolist()]
    return found


async def _told(ch: Channel, left: list[Key]) -> Decision:
    """What the guest decides about these features.

    Raises:
        UnfitLetter: it keeps others.
    """
    places = [place for _, place in left]
    await ch.guest.send("candidates", np.array(places, dtype=np.int64))
    kept = await ch.guest.receive("kept")
    if kept.dtype != np.int64 or kept.ndim != 1 or not np.isin(kept, places).all():
        raise UnfitLetter("kept", ch.guest.party)
    stay = set(kept.tolist())
    return Decision({}, left, [key for key in left if key[1] in stay])


def _noted(selected: Selected, method: str, decision: Decision, report: Report) -> list[Key]:
    """Keep a decision for the model; the own features that are left."""
    selected.decisions.append((method, decision))
    left = [key for key in decision.kept if key[0] == selected.me]
    before = sum(owner == selected.me for owner, _ in decision.before)
    report.log("features are filtered", filter=method, before=before, left=len(left))
    return left


def _result(
    table: Table, selected: Selected, left: list[Key], filters: Filters, report: Report
) -> Result:
    for line in dict.fromkeys(filters.warnings):
        report.log(line)
    made = selected.model(left)
    return Result(
        data=(_narrowed(table, made.state["kept"]),), model=made, summary=selected.summary(left)
    )


def _narrowed(table: Table, kept: list[str]) -> Table:
    """The rows with those features, and all columns that are none.

    Raises:
        NoSuchColumn: one of them is not there.
    """
    require_columns(table, kept)
    gone = set(features_of(table)) - set(kept)
    columns = {
        name: column
        for name, column in zip(table.schema.columns, table.frame.columns[1:], strict=True)
        if name not in gone
    }
    return with_columns(table, columns)
