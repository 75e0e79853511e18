"""Filters: of the features that are left, which stay. Each narrows what the one before left.

    threshold        v >= t, or v <= t where low values stay
    top_k            the k best; of equal ones the first
    top_percentile   the ceil(share * count) best
    correlation      by falling information value: a feature goes when its correlation with one
                     that stays exceeds the threshold, signs apart

A feature of which nothing is known stays and is not counted. Each party keeps one feature at least:
the best by the last metric, or the first. Local: nobody learns anything.
Source: FATE 1.x HeteroFeatureSelection.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from federation.components.common.anonymous import find_place
from federation.components.common.columns import NoSuchColumn
from federation.components.features.selection.params import CommonFilterParam, SelectionParams
from federation.components.features.selection.sources import (
    BINNINGS,
    MODULES,
    TREES,
    Key,
    Sources,
    Values,
)
from federation.spec.party import GUEST, Party
from federation.tables.table import Vector


@dataclass(frozen=True, slots=True)
class Decision:
    """What one filter found.

    Attributes:
        values: what it went by, of the features it was asked about.
        before: those features.
        kept: those that stay, in the same order.
    """

    values: Values
    before: list[Key]
    kept: list[Key]

    def of(self, party: Party) -> tuple[Values, list[int], list[int]]:
        """One party's values, places before, and places that stay."""
        values = {key: value for key, value in self.values.items() if key[0] == party}
        before, kept = (
            [place for owner, place in keys if owner == party] for keys in (self.before, self.kept)
        )
        return values, before, kept


@dataclass(frozen=True, slots=True)
class Filters:
    """The filters of one party.

    Attributes:
        hosts: all hosts in the order of the job, whose own thresholds go by it.
    """

    p: SelectionParams
    sources: Sources
    hosts: Sequence[Party] = ()
    warnings: list[str] = field(default_factory=list)

    def knows_hosts(self, method: str) -> bool:
        """Whether hosts' features are to be decided here, and something is known of them.

        Raises:
            ModelMissing: the filter goes by a model that is not bound.
        """
        common = self.p.common(method)
        if method == "correlation_filter":
            federated, values = self.p.correlation_param.select_federated, self._information()
        elif common is not None and common.select_federated:
            federated = True
            values = self.sources.of_model(method, common.metrics[0], common.merged(0))
        else:
            return False
        trees = method in TREES and method != "homo_sbt_filter"
        return federated and (trees or any(party != self.sources.me for party, _ in values))

    def decide(self, method: str, candidates: list[Key]) -> Decision:
        """Which candidates stay.

        Raises:
            ModelMissing: the filter goes by a model that is not bound, or lacks the metric.
            NoSuchColumn: the job names a position that is not there.
        """
        common = self.p.common(method)
        if common is not None:
            return self._by_metrics(method, common, candidates)
        if method == "manually":
            kept = self._manually(candidates)
            return Decision({}, candidates, with_one_each(candidates, kept, {}, high=True))
        if method == "correlation_filter":
            return self._by_correlation(candidates)
        measure, stays = self._row_rule(method)
        values = self.sources.of_rows(measure)
        kept = [key for key in candidates if stays(values[key])]
        return _decision(values, candidates, kept, high=method not in _LESS_IS_BETTER)

    def _by_metrics(
        self, method: str, common: CommonFilterParam, candidates: list[Key]
    ) -> Decision:
        kept, values, high = list(candidates), {}, True
        for at, (metric, kind, high, threshold) in enumerate(common.rules):
            told = self.sources.of_model(method, metric, common.merged(at))
            values = self._unused(method, candidates) | told
            own = common.thresholds_of_hosts(at)
            special = {
                party: limit
                for party, limit in zip(self.hosts, own, strict=False)
                if limit is not None
            }
            rule = Rule(kind, high, threshold, special)
            kept = rule.kept(kept, values)
        return _decision(values, candidates, kept, high=high)

    def _unused(self, method: str, candidates: list[Key]) -> Values:
        """The value of features that trees do not use: 0, where the trees are known here."""
        if method not in TREES:
            return {}
        known = method == "homo_sbt_filter" or self.sources.me.role is GUEST
        return dict.fromkeys(candidates, 0.0) if known else {}

    def _by_correlation(self, candidates: list[Key]) -> Decision:
        method = "correlation_filter"
        ivs = self._information()
        model = self.sources.model(method, MODULES[method])
        known = self.sources.correlations(model)
        limit = self.p.correlation_param.threshold
        order = sorted((k for k in candidates if k in ivs), key=lambda k: ivs[k], reverse=True)
        gone: set[Key] = set()
        for at, key in enumerate(order):
            if key not in gone:
                gone |= {
                    other
                    for other in order[at + 1 :]
                    if abs(known.get((key, other), known.get((other, key), 0.0))) > limit
                }
        kept = [key for key in candidates if key not in gone]
        return _decision(ivs, candidates, kept, high=True)

    def _information(self) -> Values:
        model = self.sources.model("correlation_filter", BINNINGS)
        return self.sources.information(model, self.p.iv_param.merged(0))

    def _manually(self, candidates: list[Key]) -> list[Key]:
        manual = self.p.manually_param
        if manual.left_col_indexes is not None or manual.left_col_names is not None:
            named = self._named(manual.left_col_indexes, manual.left_col_names)
            return [key for key in candidates if key[1] in named]
        named = self._named(manual.filter_out_indexes, manual.filter_out_names)
        return [key for key in candidates if key[1] not in named]

    def _named(self, indexes: Iterable[int] | None, names: Iterable[str] | None) -> set[int]:
        """Places of own features; names of none are told in the log, as they may be another's."""
        features, me = self.sources.features, self.sources.me
        beyond = [place for place in indexes or () if place >= len(features)]
        if beyond:
            raise NoSuchColumn(
                f"manually_param names positions {', '.join(map(str, beyond[:20]))}, and there are "
                f"{len(features)} features",
                columns=beyond,
            )
        places = set(range(len(features))) if -1 in (indexes or ()) else set(indexes or ())
        for name in names or ():
            place: int | None = features.index(name) if name in features else None
            if self.p.use_anonymous:
                place = find_place(me, name)
            if place is None or place >= len(features):
                self.warnings.append(f"no feature here is called {name}; manually leaves it out")
            else:
                places.add(place)
        return places

    def _row_rule(self, method: str) -> tuple[Callable[[Vector], float], Callable[[float], bool]]:
        """How a filter by own rows measures a column, and what stays."""
        p = self.p
        if method == "unique_value":
            return _range, lambda value: value >= p.unique_param.eps
        if method == "percentage_value":
            return _top_share, lambda value: value < p.percentage_value_param.upper_pct
        if method == "outlier_cols":
            share = p.outlier_param.percentile
            return _quantile(share), lambda value: value <= p.outlier_param.upper_threshold
        return _variation, lambda value: value >= p.variance_coe_param.value_threshold


_LESS_IS_BETTER = frozenset({"percentage_value", "outlier_cols"})


@dataclass(frozen=True, slots=True)
class Rule:
    """One metric's rule.

    Attributes:
        special: hosts whose threshold is another.
    """

    kind: str
    high: bool
    threshold: float
    special: Mapping[Party, float]

    def kept(self, candidates: list[Key], values: Values) -> list[Key]:
        """Which candidates stay, in their order."""
        known = [key for key in candidates if key in values and not math.isnan(values[key])]
        if self.kind == "threshold":
            stay = {key for key in known if self._passes(key, values[key])}
        else:
            count = self.threshold
            if self.kind == "top_percentile":
                count = math.ceil(self.threshold * len(known))
            best = sorted(known, key=lambda key: values[key], reverse=self.high)
            stay = set(best[: int(count)])
        judged = set(known)
        return [key for key in candidates if key in stay or key not in judged]

    def _passes(self, key: Key, value: float) -> bool:
        limit = self.special.get(key[0], self.threshold)
        return value >= limit if self.high else value <= limit


def with_one_each(
    candidates: list[Key], kept: list[Key], values: Values, *, high: bool
) -> list[Key]:
    """The features that stay, and the best one of each party that would lose all."""
    stay = set(kept)
    for party in dict.fromkeys(owner for owner, _ in candidates):
        own = [key for key in candidates if key[0] == party]
        if not stay.intersection(own):
            worst = -math.inf if high else math.inf
            best = max if high else min
            stay.add(best(own, key=lambda key: _orderly(values.get(key, worst), worst)))
    return [key for key in candidates if key in stay]


def _orderly(value: float, worst: float) -> float:
    return worst if math.isnan(value) else value


def _decision(values: Values, candidates: list[Key], kept: list[Key], *, high: bool) -> Decision:
    asked = {key: values[key] for key in candidates if key in values}
    return Decision(asked, candidates, with_one_each(candidates, kept, values, high=high))


# --- measures of own rows ------------------------------------------------------------------------


def _range(known: Vector) -> float:
    return float(known.max() - known.min()) if known.size else 0.0


def _top_share(known: Vector) -> float:
    if not known.size:
        return 1.0
    return float(np.unique(known, return_counts=True)[1].max() / known.size)


def _variation(known: Vector) -> float:
    """Deviation over mean, signs apart; without bound where the mean is 0."""
    if not known.size or not float(np.std(known)):
        return 0.0
    mean = abs(float(np.mean(known)))
    return float(np.std(known)) / mean if mean else math.inf


def _quantile(share: float) -> Callable[[Vector], float]:
    def measure(known: Vector) -> float:
        return float(np.quantile(known, share, method="inverted_cdf")) if known.size else -math.inf

    return measure
