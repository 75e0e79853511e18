"""What a filter goes by: values of features, from a party's own rows or from earlier models.

A feature is a key: whose it is, and where it stands among its owner's features. A guest's models
may know values of hosts' features, by place. Local: nobody learns anything.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from federation.components.common.anonymous import find_place
from federation.components.common.columns import numbers_of
from federation.components.component import Model
from federation.errors import DataProblem
from federation.spec.party import HOST, Party, Role
from federation.tables import Table
from federation.tables.table import Vector

Key = tuple[Party, int]
Values = dict[Key, float]

BINNINGS = ("HeteroFeatureBinning", "HomoFeatureBinning")
MODULES: Mapping[str, tuple[str, ...]] = {
    "iv_filter": BINNINGS,
    "iv_value_thres": BINNINGS,
    "iv_percentile": BINNINGS,
    "iv_top_k": BINNINGS,
    "statistic_filter": ("DataStatistics",),
    "psi_filter": ("PSI",),
    "vif_filter": ("HeteroPearson",),
    "correlation_filter": ("HeteroPearson",),
    "hetero_sbt_filter": ("HeteroSecureBoost",),
    "hetero_fast_sbt_filter": ("HeteroFastSecureBoost", "HeteroSecureBoost"),
    "homo_sbt_filter": ("HomoSecureBoost",),
}
"""Which components' models a filter goes by; the first that is bound counts."""


TREES = frozenset({"hetero_sbt_filter", "hetero_fast_sbt_filter", "homo_sbt_filter"})


class ModelMissing(DataProblem):
    """A filter goes by a model that is not bound, or that does not have what is asked."""

    code = "model_missing"

    def __init__(self, method: str, modules: Sequence[str], what: str = "the model") -> None:
        super().__init__(
            f"{method} goes by {what} of {' or '.join(modules)}; bind its model to this "
            "component's isometric_model",
            filter=method,
            modules=list(modules),
        )


@dataclass(frozen=True, slots=True)
class Sources:
    """What one party's filters can go by.

    Attributes:
        me: this party.
        features: names of its features, in order.
        table: its rows.
        models: bound to isometric_model.
    """

    me: Party
    features: tuple[str, ...]
    table: Table
    models: tuple[Model, ...]

    def model(self, method: str, modules: Sequence[str]) -> Model:
        """The bound model of the first of `modules` that there is.

        Raises:
            ModelMissing: there is none.
        """
        for module in modules:
            for model in self.models:
                if model.module == module:
                    return model
        raise ModelMissing(method, modules)

    def of_rows(self, measure: Callable[[Vector], float]) -> Values:
        """A measure of each own feature, missing values left out."""
        return {
            (self.me, place): measure(_known(numbers_of(self.table, name)))
            for place, name in enumerate(self.features)
        }

    def of_model(self, method: str, metric: str, merged: str) -> Values:
        """A metric of a bound model, of own features and where it knows of hosts' ones.

        Args:
            method: the filter that asks.
            metric: its name.
            merged: average, max or min over the labels, where there are several.

        Raises:
            ModelMissing: no such model, or it lacks the metric.
        """
        model = self.model(method, MODULES[method])
        if MODULES[method] is BINNINGS:
            return self.information(model, merged)
        if method == "statistic_filter":
            return self._statistics(model, metric)
        if method == "psi_filter":
            return self._own(model.state["scores"])
        if method == "vif_filter":
            if not model.state["vif"]:
                raise ModelMissing(method, MODULES[method], "calc_local_vif")
            return self._own(dict(zip(model.state["names"], model.state["vif"], strict=True)))
        return self._importances(model)

    def information(self, model: Model, merged: str) -> Values:
        """Information values of a binning, over several labels merged as said."""
        merge: Callable[[list[float]], float] = {"max": max, "min": min}.get(merged, _mean)
        ivs: list[Mapping[str, float]] = model.state["ivs"]
        names = ivs[0] if ivs else {}
        found = self._own({name: merge([one[name] for one in ivs]) for name in names})
        for host in model.state.get("hosts", ()):
            party = Party(Role(host["role"]), host["party_id"])
            for at, place in enumerate(host["places"]):
                found[party, place] = merge([label[at] for label in host["ivs"]])
        return found

    def correlations(self, model: Model) -> dict[tuple[Key, Key], float]:
        """Known correlations, each pair once."""
        names, state = model.state["names"], model.state
        own = [(self.me, self.features.index(n)) if n in self.features else None for n in names]
        found: dict[tuple[Key, Key], float] = {}
        for i, a in enumerate(own):
            for j, b in enumerate(own[:i]):
                if a is not None and b is not None:
                    found[a, b] = state["local_corr"][i][j]
        for other in state["remote"]:
            party = Party(Role(other["role"]), other["party_id"])
            for i, a in enumerate(own):
                for j, place in enumerate(other["places"]):
                    if a is not None:
                        found[a, (party, place)] = other["corr"][i][j]
        return found

    def _own(self, by_name: Mapping[str, float]) -> Values:
        places = {name: place for place, name in enumerate(self.features)}
        return {(self.me, places[n]): float(v) for n, v in by_name.items() if n in places}

    def _statistics(self, model: Model, metric: str) -> Values:
        word = {"std": "stddev"}.get(metric.lower(), metric.lower())
        values: Mapping[str, Mapping[str, float]] = model.state["values"]
        if any(word not in measured for measured in values.values()):
            raise ModelMissing("statistic_filter", ("DataStatistics",), f"statistics with {word}")
        return self._own({name: measured[word] for name, measured in values.items()})

    def _importances(self, model: Model) -> Values:
        """Feature importances of trees, of the features that trees use."""
        found: Values = {}
        for one in _importance_rows(model.param):
            key = self._key_of(one)
            if key is not None:
                found[key] = float(one["importance"])
        return found

    def _key_of(self, one: Mapping[str, Any]) -> Key | None:
        """Whose feature an entry of FATE's featureImportances is about."""
        site, name = str(one.get("sitename", "")), str(one.get("fullname", ""))
        if name in self.features and not site.startswith(f"{HOST.value}:"):
            return self.me, self.features.index(name)
        role, _, party_id = site.partition(":")
        if role != HOST.value or not party_id:
            return None
        party = Party(HOST, party_id)
        if party == self.me:
            return (self.me, self.features.index(name)) if name in self.features else None
        place = find_place(party, name)
        return party, int(one["fid"]) if place is None else place


def _importance_rows(param: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    inner = param.get("treeParam", param)
    return [one for one in inner.get("featureImportances", ()) if isinstance(one, Mapping)]


def _known(column: Vector) -> Vector:
    return np.asarray(column[~np.isnan(column)])


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
