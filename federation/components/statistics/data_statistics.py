"""DataStatistics: what each column looks like, without its missing values.

With n known values x of a column, mean m, and central moments m_k = mean((x - m)^k):

    variance = m_2     stddev = sqrt(m_2)     coefficient_of_variance = stddev / m
    skewness = m_3 / m_2^1.5                  kurtosis = m_4 / m_2^2 - 3

or, with bias false, skewness and kurtosis of a sample as statistics programs give them,

    sqrt(n (n-1)) / (n-2) * skewness          (n-1) / ((n-2)(n-3)) * ((n+1) kurtosis + 6)

A quantile `NN%` is the least value that at least NN % of the values do not exceed, and median is
50%; both are exact, so that quantile_error has no effect. What is not defined is 0.

Local, nothing is sent; rows go through as they are. Learns: nobody anything; the model shows a
party's own columns to whoever may read it.
Exact. Source: FATE 1.x DataStatistics.
"""

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import numpy as np
from pydantic import Field, field_validator

from federation.channel import Channel
from federation.components.common.columns import numbers_of
from federation.components.component import Component, JobFacts, Model, Report, Result
from federation.components.features.columns import chosen, features_of, instances_in
from federation.components.features.params import ALL, OR_ONE, Indexes, Names
from federation.components.params import Params, nearest
from federation.spec.catalogue import Slot
from federation.spec.party import GUEST, HOST
from federation.tables import Table
from federation.tables.table import Vector

SUMMARY = "summary"
STDDEV = "stddev"
ALIASES = {"std": STDDEV}
QUANTILE = re.compile(r"^(100|\d{1,2})%$")


def _ratio(above: float, below: float) -> float:
    return above / below if below else 0.0


def _moment(x: Vector, order: int) -> float:
    return float(np.mean((x - np.mean(x)) ** order))


def _skewness(x: Vector, bias: bool) -> float:
    n = len(x)
    biased = _ratio(_moment(x, 3), _moment(x, 2) ** 1.5)
    return biased if bias else _ratio(np.sqrt(n * (n - 1)) * biased, n - 2) if n > 2 else 0.0


def _kurtosis(x: Vector, bias: bool) -> float:
    n, variance = len(x), _moment(x, 2)
    biased = _ratio(_moment(x, 4), variance**2) - 3 if variance else 0.0
    if bias or not variance:
        return biased
    return (n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * biased + 6) if n > 3 else 0.0


def _quantile(x: Vector, share: float) -> float:
    return float(np.quantile(x, share, method="inverted_cdf"))


MEASURES: Mapping[str, Callable[[Vector], float]] = {
    "sum": lambda x: float(np.sum(x)),
    "max": lambda x: float(np.max(x)),
    "min": lambda x: float(np.min(x)),
    "mean": lambda x: float(np.mean(x)),
    "median": lambda x: _quantile(x, 0.5),
    STDDEV: lambda x: float(np.std(x)),
    "variance": lambda x: float(np.var(x)),
    "coefficient_of_variance": lambda x: _ratio(float(np.std(x)), float(np.mean(x))),
}
SHAPES: Mapping[str, Callable[[Vector, bool], float]] = {
    "skewness": _skewness,
    "kurtosis": _kurtosis,
}
COUNTS = ("count", "missing_count", "missing_ratio")
WORDS = (*MEASURES, *SHAPES, *COUNTS)


class StatisticsParams(Params):
    """FATE's StatisticsParam."""

    statistics: Annotated[list[str], *OR_ONE] = Field(
        [SUMMARY], description="summary for all, or names of statistics and quantiles such as 95%"
    )
    column_names: Names | None = Field(None, description="names of further features")
    column_indexes: Indexes | None = Field([ALL], description="positions of features; -1 for all")
    need_run: bool = Field(True, description="false hands the input through")
    abnormal_list: list[float | str] | None = Field(
        None, description="values that count as missing"
    )
    quantile_error: float = Field(1e-4, ge=0, lt=1, description="no effect: quantiles are exact")
    bias: bool = Field(True, description="skewness and kurtosis of the rows, not of a sample")

    @field_validator("statistics")
    @classmethod
    def _known(cls, names: list[str]) -> list[str]:
        words = [ALIASES.get(name.lower(), name.lower()) for name in names]
        for name, word in zip(names, words, strict=True):
            if word not in (*WORDS, SUMMARY) and not QUANTILE.match(word):
                raise ValueError(
                    f"is summary, a quantile such as 95%, or one of {', '.join(WORDS)}; "
                    f"not {name!r}{nearest(word, WORDS)}"
                )
        return words

    @property
    def words(self) -> list[str]:
        """The wanted statistics, each once."""
        wanted = WORDS if SUMMARY in self.statistics else self.statistics
        return list(dict.fromkeys(wanted))


data_statistics = Component(
    "DataStatistics",
    StatisticsParams,
    class_name="StatisticsParam",
    inputs=(Slot("data"),),
    model_out=True,
)


@data_statistics.on(GUEST, HOST)
async def describe(
    ch: Channel,
    p: StatisticsParams,
    *,
    data: Table | None,
    report: Report,
    facts: JobFacts,
) -> Result:
    """The rows as they are, and the statistics of the chosen columns."""
    table = instances_in(data)
    names = chosen(features_of(table), p.column_indexes, p.column_names)
    words = p.words
    values = {name: _statistics(numbers_of(table, name), words, p) for name in names}
    meta = {
        "statistics": words,
        "staticColumns": list(names),
        "quantileError": p.quantile_error,
        "needRun": p.need_run,
    }
    model = Model(
        "DataStatistics", meta, _param(values, words), {"values": values}, facts.component
    )
    report.log("columns are described", columns=len(names), statistics=len(words))
    return Result(data=(table,), model=model, summary=values)


def _statistics(column: Vector, words: list[str], p: StatisticsParams) -> dict[str, float]:
    """Each of `words` of one column; 0 where it has no value at all."""
    missing = np.isnan(column)
    if p.abnormal_list:
        missing |= np.isin(column, [_number(value) for value in p.abnormal_list])
    known = column[~missing]
    return {word: _statistic(known, word, int(np.sum(missing)), p.bias) for word in words}


def _number(value: float | str) -> float:
    try:
        return float(value)
    except ValueError:
        return float("nan")


def _statistic(known: Vector, word: str, missing: int, bias: bool) -> float:
    if word == "count":
        return float(len(known))
    if word == "missing_count":
        return float(missing)
    if word == "missing_ratio":
        return missing / (len(known) + missing)
    if not known.size:
        return 0.0
    if word in MEASURES:
        return MEASURES[word](known)
    if word in SHAPES:
        return float(SHAPES[word](known, bias))
    return _quantile(known, int(word.removesuffix("%")) / 100)


def _param(values: Mapping[str, Mapping[str, float]], words: list[str]) -> dict[str, Any]:
    """FATE's ModelParam message of statistics."""
    results = [
        {
            "values": [column[word] for column in values.values()],
            "colNames": list(values),
            "valueName": word,
        }
        for word in words
    ]
    return {"selfValues": {"results": results}, "hostValues": {}, "modelName": "statistic"}
