"""The model of a feature selection: FATE's messages, and the summary."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from federation.components.common.anonymous import anonymous_name
from federation.components.component import Model
from federation.components.features.columns import chosen
from federation.components.features.selection.filters import Decision
from federation.components.features.selection.params import SelectionParams
from federation.components.features.selection.sources import Key
from federation.spec.party import Party

MODULE = "HeteroFeatureSelection"


@dataclass(slots=True)
class Selected:
    """What the filters of one party decided, in order.

    Attributes:
        features: names of its features, in order.
    """

    me: Party
    features: tuple[str, ...]
    p: SelectionParams
    component: str
    decisions: list[tuple[str, Decision]] = field(default_factory=list)

    @property
    def asked(self) -> tuple[str, ...]:
        """Names of the features that may go."""
        return chosen(self.features, self.p.select_col_indexes, self.p.select_names)

    def kept(self, left: list[Key]) -> list[str]:
        """Names of the features that stay, those that may not go among them."""
        stay, asked = set(self._names(place for _, place in left)), set(self.asked)
        return [name for name in self.features if name in stay or name not in asked]

    def model(self, left: list[Key]) -> Model:
        """FATE's FeatureSelectionParam and FeatureSelectionMeta."""
        names = {name: anonymous_name(self.me, i) for i, name in enumerate(self.features)}
        stay = set(self._names(place for _, place in left))
        param = {
            "results": [self._result(method, decision) for method, decision in self.decisions],
            "finalLeftCols": {
                "originalCols": list(self.asked),
                "leftCols": {name: name in stay for name in self.asked},
            },
            "colNames": list(self.asked),
            "hostColNames": self._host_names(),
            "header": list(self.features),
            "colNameToAnonymDict": names,
        }
        return Model(MODULE, self._meta(), param, {"kept": self.kept(left)}, self.component)

    def summary(self, left: list[Key]) -> dict[str, Any]:
        """FATE's summary: for each filter how many features there were, and which are left."""
        made: dict[str, Any] = {}
        for method, decision in self.decisions:
            _, before, kept = decision.of(self.me)
            made[method] = _line(len(before), self._names(kept))
        made["all"] = _line(len(self.asked), self._names(place for _, place in left))
        return made

    def _names(self, places: Iterable[int]) -> list[str]:
        return [self.features[place] for place in places]

    @property
    def _hosts(self) -> list[Party]:
        """Those whose features were decided here."""
        owners = (owner for _, decision in self.decisions for owner, _ in decision.before)
        return [party for party in dict.fromkeys(owners) if party != self.me]

    def _host_names(self) -> list[dict[str, Any]]:
        made = []
        for party in self._hosts:
            places = {place for _, decision in self.decisions for place in decision.of(party)[1]}
            names = [anonymous_name(party, place) for place in sorted(places)]
            made.append({"colNames": names, "partyId": party.party_id})
        return made

    def _result(self, method: str, decision: Decision) -> dict[str, Any]:
        """FATE's FeatureSelectionFilterParam."""
        values, before, kept = decision.of(self.me)
        hosts = [decision.of(party) for party in self._hosts]
        anonymous = [
            {place: anonymous_name(party, place) for place in host[1]}
            for party, host in zip(self._hosts, hosts, strict=True)
        ]
        return {
            "featureValues": {self.features[place]: v for (_, place), v in values.items()},
            "hostFeatureValues": [
                {"featureValues": {names[place]: v for (_, place), v in host[0].items()}}
                for names, host in zip(anonymous, hosts, strict=True)
            ],
            "leftCols": _left(self._names(before), self._names(kept)),
            "hostLeftCols": [
                _left(list(names.values()), [names[place] for place in host[2]])
                for names, host in zip(anonymous, hosts, strict=True)
            ],
            "filterName": method,
        }

    def _meta(self) -> dict[str, Any]:
        """FATE's FeatureSelectionMeta."""
        p = self.p
        manual = p.manually_param
        out = self._names(i for i in manual.filter_out_indexes or () if i < len(self.features))
        return {
            "filterMethods": list(p.filter_methods),
            "cols": list(self.asked),
            "uniqueMeta": {"eps": p.unique_param.eps},
            "ivValueMeta": {
                "valueThreshold": p.iv_value_param.value_threshold,
                "localOnly": p.iv_value_param.local_only,
            },
            "ivPercentileMeta": {
                "percentileThreshold": p.iv_percentile_param.percentile_threshold,
                "localOnly": p.iv_percentile_param.local_only,
            },
            "varianceCoeMeta": {"valueThreshold": p.variance_coe_param.value_threshold},
            "outlierMeta": {
                "percentile": p.outlier_param.percentile,
                "upperThreshold": p.outlier_param.upper_threshold,
            },
            "manuallyMeta": {"filterOutNames": [*out, *(manual.filter_out_names or ())]},
            "needRun": p.need_run,
            "pencentageValueMeta": {"upperPct": p.percentage_value_param.upper_pct},
            "ivTopKMeta": {
                "k": str(p.iv_top_k_param.k),
                "localOnly": p.iv_top_k_param.local_only,
            },
            "filterMetas": [line for method in p.filter_methods for line in self._metas(method)],
        }

    def _metas(self, method: str) -> list[dict[str, Any]]:
        """FATE's FilterMeta of each metric of a filter."""
        common = self.p.common(method)
        federated = common is not None and common.select_federated
        if method == "correlation_filter":
            federated = self.p.correlation_param.select_federated
        rules = [(method, "threshold", True, 0.0)] if common is None else common.rules
        return [
            {
                "metrics": metric,
                "filterType": kind,
                "takeHigh": high,
                "threshold": float(threshold),
                "selectFederated": federated,
                "filterOutNames": "",
            }
            for metric, kind, high, threshold in rules
        ]


def _left(before: list[str], kept: list[str]) -> dict[str, Any]:
    stay = set(kept)
    return {"originalCols": before, "leftCols": {name: name in stay for name in before}}


def _line(before: int, left: list[str]) -> dict[str, Any]:
    return {"last_col_nums": before, "left_col_nums": len(left), "left_col_names": left}
