"""HeteroFeatureBinning: every party's columns in bins, and what the bins tell of the guest's label.

Edges are quantiles, steps of one width, single values, or given (`edges`), or fine bins merged by
the label (`merging`). Weight of evidence and information value stand in `evidence`. Rows come out
with columns as bin numbers, or at the guest as weights of evidence.

Hosts add up the guest's encrypted labels bin by bin (`exchange`). Learns: the guest, of
each host column known by its place alone, how many rows each bin has and how many of them have
which label, but neither edges nor which row is where; so it is told about single rows where a bin
has one, unless least_bin_rows forbids. A host learns how many rows and classes there are and, for
method optimal, which of its fine bins belong together, which depends on the labels. Others learn
nothing. Holds against semi-honest parties; a guest that encrypts something else than labels learns
sums of that.

Exact: federated counts are the pooled ones, so are WOE and IV up to rounding of doubles. Sources:
FATE 1.x HeteroFeatureBinning; Paillier 1999; Okamoto and Uchiyama 1998.
"""

from federation.channel import Channel
from federation.components.common.row_order import RowOrder
from federation.components.component import Component, JobFacts, Model, Report, Result
from federation.components.features.binning.columns import (
    cut,
    has_small,
    labels_as_places,
    own_evidence,
    rewritten,
    two_classes,
)
from federation.components.features.binning.exchange import HostColumn, answer, ask
from federation.components.features.binning.letters import BINNING_MESSAGES, Start
from federation.components.features.binning.merging import Merging
from federation.components.features.binning.model import Learned, labels_as_text
from federation.components.features.binning.params import HeteroBinningParams
from federation.components.features.columns import instances_in
from federation.components.linear.rows import classes_of, labels_of
from federation.spec.catalogue import Slot
from federation.spec.party import GUEST, HOST, Party
from federation.tables import Table

MODULE = "HeteroFeatureBinning"
FEW_ROWS = 5
"""A host is told in its log when the guest learns about bins with fewer rows."""

hetero_feature_binning = Component(
    MODULE,
    HeteroBinningParams,
    messages=BINNING_MESSAGES,
    class_name="HeteroFeatureBinningParam",
    inputs=(Slot("data"),),
    model_in=True,
    model_out=True,
    needs=frozenset({GUEST}),
)


@hetero_feature_binning.on(GUEST)
async def guest(
    ch: Channel,
    p: HeteroBinningParams,
    *,
    data: Table | None,
    model: Model | None,
    report: Report,
    facts: JobFacts,
) -> Result:
    """Bins of own columns, evidence about all parties' columns."""
    table = instances_in(data)
    if model is not None:
        return Result(data=(rewritten(table, model.state),), model=model)
    common = RowOrder.of(table)
    silent = p.skip_static or p.local_only
    if silent:
        await ch.hosts.send("start", Start(asked=False, digest=common.digest, classes=0))
    if p.skip_static:
        return Learned(cut(table, p)).result(table, p, MODULE, facts)
    label = labels_of(table.label)
    classes = classes_of(label)
    places = labels_as_places(label, classes)
    columns = cut(table, p)
    if any(column.fine for column in columns):
        two_classes(classes)
        merging = Merging(p.optimal_binning_param, p.bin_num, p.adjustment_factor)
        columns = [c.merged_by(merging, places) if c.fine else c for c in columns]
    evidence = own_evidence(columns, places, len(classes), p.adjustment_factor)
    hosts: dict[Party, list[HostColumn]] = {}
    if not silent:
        for line in p.encrypt_param.warnings:
            report.log(line)
        hosts = await ask(ch, p, common, places, classes)
    report.log("columns are binned", columns=len(columns), hosts=len(hosts))
    learned = Learned(columns, evidence, labels_as_text(classes.tolist()), hosts)
    return learned.result(table, p, MODULE, facts)


@hetero_feature_binning.on(HOST)
async def host(
    ch: Channel,
    p: HeteroBinningParams,
    *,
    data: Table | None,
    model: Model | None,
    report: Report,
    facts: JobFacts,
) -> Result:
    """Bins of own columns, and sums of the guest's encrypted labels over them."""
    table = instances_in(data)
    if model is not None:
        return Result(data=(rewritten(table, model.state),), model=model)
    start: Start = await ch.guest.receive("start")
    stays = p.method == "optimal" and (p.local_only or not start.asked)
    if stays:
        report.log("method optimal needs the guest's labels, and it is not asked: rows stay")
    columns = [] if stays else cut(table, p)
    if start.asked:
        if any(has_small(column, FEW_ROWS) for column in columns):
            report.log(f"some bins have fewer than {FEW_ROWS} rows; least_bin_rows refuses such")
        columns = await answer(ch, p, start, RowOrder.of(table), columns)
    report.log("columns are binned", columns=len(columns))
    return Learned(columns).result(table, p, MODULE, facts)
