"""ColumnExpand: constants at the end of raw rows and of instances."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from federation.components.features.column_expand import ColumnExpandParams, column_expand
from federation.errors import DataProblem, InvalidParameters
from federation.spec.party import GUEST, Party
from federation.tables import Schema, Table

G = Party(GUEST, "9999")
RAW = Table(Schema("id", ("x",)), pa.table({"id": ["a", "b"], "x": ["1", "2"]}))


async def ran(play: Any, conf: dict[str, Any], data: Table, model: Any = None) -> Any:
    return (await play(column_expand, conf, {G: {"data": data, "model": model}}))[G]


async def test_raw_rows_get_text(play: Any) -> None:
    fit = await ran(play, {"append_header": ["p", "q"], "fill_value": [0.5, "z"]}, RAW)
    assert fit.data[0].frame.to_pydict() == {
        "id": ["a", "b"],
        "x": ["1", "2"],
        "p": ["0.5", "0.5"],
        "q": ["z", "z"],
    }
    assert fit.model.meta == {
        "appendHeader": ["p", "q"],
        "method": "manual",
        "fillValue": ["0.5", "z"],
        "needRun": True,
    }
    assert fit.model.param == {"header": ["x", "p", "q"]}
    later = (await ran(play, {}, RAW, fit.model)).data[0]
    assert later.frame == fit.data[0].frame


async def test_instances_get_numbers(play: Any) -> None:
    data = Table.instances(["a", "b"], np.ones((2, 1)), ("x",), label=np.array([0.0, 1]))
    made = (await ran(play, {"append_header": "p"}, data)).data[0]
    np.testing.assert_array_equal(made.features, [[1, 1e-8], [1, 1e-8]])
    assert made.schema.label == "y"


async def test_nothing_to_append_changes_nothing(play: Any) -> None:
    assert (await ran(play, {}, RAW)).data[0].frame == RAW.frame


async def test_a_column_that_is_there_is_refused(play: Any) -> None:
    with pytest.raises(DataProblem, match="columns x already"):
        await ran(play, {"append_header": ["x"]}, RAW)


def test_every_wrong_parameter_is_named() -> None:
    with pytest.raises(InvalidParameters) as caught:
        ColumnExpandParams.parse(
            {"append_header": ["a", "b"], "fill_value": [1, 2, 3], "method": "x"}
        )
    assert {problem.path for problem in caught.value.problems} == {"fill_value", "method"}
    with pytest.raises(InvalidParameters, match="append_header: names a column twice"):
        ColumnExpandParams.parse({"append_header": ["a", "a"]})
