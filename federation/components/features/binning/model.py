"""The model of a binning: FATE's messages, what later components read, and the summary."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from federation.components.common.anonymous import anonymous_name
from federation.components.component import JobFacts, Model, Result
from federation.components.features.binning.columns import BinnedColumn, rewritten, transform_names
from federation.components.features.binning.evidence import Evidence
from federation.components.features.binning.exchange import HostColumn
from federation.components.features.binning.params import BinningParams, HeteroBinningParams
from federation.components.features.columns import features_of
from federation.components.linear.rows import class_name
from federation.spec.party import Party
from federation.tables import Table

EMPTY_RESULT: Mapping[str, Any] = {"binningResult": {}, "role": "", "partyId": ""}


@dataclass(frozen=True, slots=True)
class Learned:
    """What a fit found at one party.

    Attributes:
        columns: this party's, in bins.
        evidence: one for each label that is told apart, by column; none without labels.
        labels: the different labels as text.
        hosts: what the guest knows of the hosts' columns.
        rewritten: the columns that are rewritten.
    """

    columns: list[BinnedColumn]
    evidence: list[dict[str, Evidence]] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    hosts: Mapping[Party, list[HostColumn]] = field(default_factory=dict)
    rewritten: list[str] = field(default_factory=list)

    @property
    def told_apart(self) -> list[str]:
        """The labels that evidence is about: of two the second."""
        return self.labels[1:] if len(self.labels) == 2 else self.labels

    def state(self, p: BinningParams) -> dict[str, Any]:
        """What transforming and selecting need."""
        first = self.evidence[0] if self.evidence else {}
        return {
            "edges": {column.name: column.edges.tolist() for column in self.columns},
            "woe": {name: found.woe.tolist() for name, found in first.items()},
            "transform": {"names": self.rewritten, "type": p.transform_param.transform_type},
            "ivs": [{name: one.iv for name, one in found.items()} for found in self.evidence],
            "hosts": [
                {
                    "role": party.role.value,
                    "party_id": party.party_id,
                    "places": [column.place for column in columns],
                    "ivs": [
                        [column.evidence[label].iv for column in columns]
                        for label in range(len(self.told_apart))
                    ],
                }
                for party, columns in self.hosts.items()
            ],
        }

    def result(self, table: Table, p: BinningParams, module: str, facts: JobFacts) -> Result:
        """The rows rewritten, the model and the summary.

        Raises:
            InvalidParameters: columns are to be weights of evidence where there are none.
        """
        names = [column.name for column in self.columns]
        wanted = transform_names(table, names, p, has_woe=len(self.evidence) == 1)
        found = replace(self, rewritten=wanted)
        made = found.model(table, p, module, facts)
        return Result(data=(rewritten(table, made.state),), model=made, summary=found.summary())

    def model(self, table: Table, p: BinningParams, module: str, facts: JobFacts) -> Model:
        """FATE's FeatureBinningParam and FeatureBinningMeta."""
        own = self._own_results(facts.party)
        hosts = [result for found in self._host_results() for result in found]
        multi = {
            "results": own if self.labels else [],
            "labels": self.labels,
            "hostResults": hosts,
            "hostPartyIds": [party.party_id for party in self.hosts],
            "hasHostResult": bool(hosts),
        }
        features = features_of(table)
        param = {
            "binningResult": own[0],
            "hostResults": [found[0] for found in self._host_results() if found],
            "header": list(features),
            "headerAnonymous": [anonymous_name(facts.party, i) for i in range(len(features))],
            "modelName": "binning",
            "multiClassResult": multi,
            "transformBinningResult": EMPTY_RESULT,
            "transformHostResults": [],
            "transformMultiClassResult": {
                "results": [],
                "labels": [],
                "hostResults": [],
                "hostPartyIds": [],
                "hasHostResult": False,
            },
        }
        meta = binning_meta(p, [column.name for column in self.columns], features, self.rewritten)
        return Model(module, meta, param, self.state(p), facts.component)

    def summary(self) -> dict[str, Any]:
        """FATE's summary: iv, woe, monotonic and split_points by column; by label if many."""
        edges = {column.name: column.edges.tolist() for column in self.columns}
        found = [
            {
                "iv": {name: one.iv for name, one in evidence.items()},
                "woe": {name: one.woe.tolist() for name, one in evidence.items()},
                "monotonic": {name: one.is_monotonic for name, one in evidence.items()},
                "split_points": edges,
            }
            for evidence in self.evidence or [{}]
        ]
        if len(self.labels) <= 2:
            return found[0]
        return {"result": dict(zip(self.told_apart, found, strict=True))}

    def _own_results(self, party: Party) -> list[dict[str, Any]]:
        if not self.evidence:
            bare = {column.name: _edges_alone(column) for column in self.columns}
            return [_result(party, bare)]
        return [
            _result(
                party,
                {c.name: found[c.name].message(c.edges, metric=c.metric) for c in self.columns},
            )
            for found in self.evidence
        ]

    def _host_results(self) -> list[list[dict[str, Any]]]:
        """For each host a result for each label that is told apart."""
        made = []
        for party, columns in self.hosts.items():
            by_label = []
            for label in range(len(self.told_apart)):
                messages = {}
                for column in columns:
                    name, found = anonymous_name(party, column.place), column.evidence[label]
                    bins = [f"{name}_bin{i}" for i in range(len(found.events))]
                    messages[name] = found.message(None, bins, column.metric)
                by_label.append(_result(party, messages))
            made.append(by_label)
        return made


def binning_meta(
    p: BinningParams, names: Sequence[str], features: Sequence[str], rewritten: Sequence[str]
) -> dict[str, Any]:
    """FATE's FeatureBinningMeta."""
    optimal = isinstance(p, HeteroBinningParams) and p.method == "optimal"
    return {
        "needRun": p.need_run,
        "method": getattr(p, "method", ""),
        "compressThres": str(p.compress_thres),
        "headSize": str(p.head_size),
        "error": p.error,
        "binNum": str(p.bin_num),
        "cols": list(names),
        "adjustmentFactor": p.adjustment_factor,
        "localOnly": getattr(p, "local_only", False),
        "transformParam": {
            "transformCols": [str(features.index(name)) for name in rewritten],
            "transformType": p.transform_param.transform_type or "",
        },
        "skipStatic": p.skip_static,
        "optimalMetricMethod": p.optimal_binning_param.metric_method
        if optimal and isinstance(p, HeteroBinningParams)
        else "",
    }


def labels_as_text(classes: Sequence[float]) -> list[str]:
    """Labels as FATE writes them."""
    return [class_name(label) for label in classes]


def _result(party: Party, columns: dict[str, Any]) -> dict[str, Any]:
    return {"binningResult": columns, "role": party.role.value, "partyId": party.party_id}


def _edges_alone(column: BinnedColumn) -> dict[str, Any]:
    return {
        "woeArray": [],
        "ivArray": [],
        "eventCountArray": [],
        "nonEventCountArray": [],
        "eventRateArray": [],
        "nonEventRateArray": [],
        "splitPoints": column.edges.tolist(),
        "iv": 0.0,
        "isWoeMonotonic": False,
        "binNums": str(column.width),
        "binAnonymous": [],
        "optimalMetricArray": [],
    }
