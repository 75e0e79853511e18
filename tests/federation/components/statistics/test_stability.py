"""PSI: the index written down from its definition, row by row."""

import math
from typing import Any

import numpy as np
import pytest

from federation.components.common.columns import NoSuchColumn
from federation.components.statistics.stability import PSIParams, population_stability
from federation.errors import DataProblem, InvalidParameters
from federation.spec.party import GUEST, HOST, Party
from federation.tables import Table

G, H = Party(GUEST, "9999"), Party(HOST, "10000")
DRAW = np.random.default_rng(4)
EXPECTED = DRAW.normal(size=(200, 2))
ACTUAL = DRAW.normal(0.5, 1.5, (150, 2))
EXPECTED[:10, 1] = np.nan
ACTUAL[:30, 1] = np.nan


def table(values: Any, names: tuple[str, ...] = ("a", "b")) -> Table:
    return Table.instances([f"r{i}" for i in range(len(values))], values, names)


def plainly(expected: Any, actual: Any, bins: int) -> float:
    known = sorted(x for x in expected if not math.isnan(x))
    edges = sorted({known[math.ceil(len(known) * k / bins) - 1] for k in range(1, bins + 1)})[:-1]
    total = 0.0
    places = [
        [None if math.isnan(x) else sum(x > edge for edge in edges) for x in column]
        for column in (expected, actual)
    ]
    for place in {*places[0], *places[1]}:
        e, a = (column.count(place) / len(column) or 1e-6 for column in places)
        total += (a - e) * math.log(a / e)
    return total


async def ran(play: Any, conf: dict[str, Any], expected: Table, actual: Table) -> Any:
    ports = {"train_data": expected, "validate_data": actual}
    return await play(population_stability, conf, {G: ports, H: ports})


@pytest.mark.parametrize("bins", [5, 20, 150])
async def test_the_index_is_that_of_its_definition(play: Any, bins: int) -> None:
    played = await ran(play, {"max_bin_num": bins}, table(EXPECTED), table(ACTUAL))
    for at, name in enumerate("ab"):
        plain = plainly(EXPECTED[:, at], ACTUAL[:, at], bins)
        assert played[G].summary["psi_scores"][name] == pytest.approx(plain, abs=1e-12)
    assert played.ledger == []


async def test_a_special_value_is_a_bin_of_its_own_like_a_missing_one(play: Any) -> None:
    special = [table(np.nan_to_num(x, nan=-99.0)) for x in (EXPECTED, ACTUAL)]
    made = [
        (await ran(play, conf, *tables))[G].model.param
        for conf, tables in (
            ({"dense_missing_val": -99}, special),
            ({}, [table(EXPECTED), table(ACTUAL)]),
        )
    ]
    assert made[0] == made[1]
    assert made[0]["featurePsi"][1]["interval"][-1] == "missing"


async def test_the_same_rows_have_not_moved_and_the_model_is_fates(play: Any) -> None:
    found = (await ran(play, {"max_bin_num": 4}, table(EXPECTED), table(EXPECTED)))[H]
    assert found.summary == {"psi_scores": {"a": 0.0, "b": 0.0}}
    assert found.model.meta == {"maxBinNum": 4}
    one = found.model.param["featurePsi"][0]
    assert set(one) == {"featureName", "psi", "interval", "expectPerc", "actualPerc"}
    assert one["expectPerc"] == [0.25] * 4
    assert one["interval"][0].startswith("(-inf, ")
    assert one["interval"][-1].endswith(", inf)")


async def test_a_missing_table_or_column_is_named(play: Any) -> None:
    with pytest.raises(DataProblem, match="no table is bound"):
        await play(population_stability, {}, {G: {"train_data": table(EXPECTED)}})
    with pytest.raises(NoSuchColumn, match="b"):
        await ran(play, {}, table(EXPECTED), table(ACTUAL, ("a", "c")))


def test_wrong_parameters_are_named() -> None:
    with pytest.raises(InvalidParameters) as refusal:
        PSIParams.parse({"max_bin_num": 1, "binning_error": 2, "bins": 3})
    paths = {problem.path for problem in refusal.value.problems}
    assert paths == {"max_bin_num", "binning_error", "bins"}
