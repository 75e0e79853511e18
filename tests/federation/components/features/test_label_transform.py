"""LabelTransform: there by the encoder, back by the model."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from federation.components.features.label_transform import (
    LabelTransformParams,
    UnknownLabels,
    label_transform,
)
from federation.errors import InvalidParameters
from federation.spec.party import GUEST, HOST, Party
from federation.tables import Schema, Table, TableKind

G, H = Party(GUEST, "9999"), Party(HOST, "10000")


def table(label: list[float] | None) -> Table:
    labels = None if label is None else np.array(label)
    return Table.instances([f"r{i}" for i in range(3)], np.ones((3, 1)), ("x",), label=labels)


async def ran(play: Any, conf: dict[str, Any], data: Table, model: Any = None) -> Any:
    return (await play(label_transform, conf, {G: {"data": data, "model": model}}))[G]


async def test_labels_are_numbered_by_their_order(play: Any) -> None:
    fit = await ran(play, {}, table([5, -1, 5]))
    np.testing.assert_array_equal(fit.data[0].label, [1, 0, 1])
    assert fit.summary == {"label_encoder": {"-1": 0, "5": 1}}
    assert fit.model.param == {
        "labelEncoder": {"-1": "0", "5": "1"},
        "encoderKeyType": {"-1": "int", "5": "int"},
        "encoderValueType": {"-1": "int", "5": "int"},
    }


async def test_an_encoder_with_text_keys_finds_numbers(play: Any) -> None:
    conf = {"label_encoder": {"0": 1, "1": 0}, "label_list": [0, 1]}
    fit = await ran(play, conf, table([0, 1, 1]))
    np.testing.assert_array_equal(fit.data[0].label, [1, 0, 0])


async def test_text_labels_become_numbers(play: Any) -> None:
    schema = Schema("id", ("y",), TableKind.INSTANCES, label="y")
    data = Table(schema, pa.table({"id": ["1", "2", "3"], "y": ["good", "bad", None]}))
    fit = await ran(play, {}, data)
    np.testing.assert_array_equal(fit.data[0].label, [1, 0, np.nan])


async def test_predictions_get_the_old_labels_back(play: Any) -> None:
    model = (await ran(play, {"label_encoder": {"0": 1, "1": 0}}, table([0, 1, 1]))).model
    predictions = Table.predictions(
        ["a", "b"],
        label=np.array([1.0, 0.0]),
        result=np.array([0.0, 0.0]),
        score=np.array([0.1, 0.2]),
        detail=["{'0': 0.9, '1': 0.1}", "{'0': 0.8, '1': 0.2}"],
        stage="train",
    )
    back = (await ran(play, {}, predictions, model)).data[0].frame
    assert back["label"].to_pylist() == [0, 1]
    assert back["predict_result"].to_pylist() == [1, 1]
    assert back["predict_detail"].to_pylist() == ["{'1': 0.9, '0': 0.1}", "{'1': 0.8, '0': 0.2}"]
    assert back["predict_score"].to_pylist() == [0.1, 0.2]


async def test_predictions_can_get_texts_back(play: Any) -> None:
    model = (await ran(play, {"label_encoder": {"no": 0, "yes": 1}}, table(None))).model
    predictions = Table.predictions(
        ["a"],
        label=np.array([1.0]),
        result=np.array([0.0]),
        score=np.array([0.4]),
        detail=["{'0': 0.6, '1': 0.4}"],
        stage="predict",
    )
    back = (await ran(play, {}, predictions, model)).data[0].frame
    assert back["label"].to_pylist() == ["yes"]
    assert back["predict_detail"].to_pylist() == ["{'no': 0.6, 'yes': 0.4}"]


async def test_a_label_without_a_new_name_is_refused_by_count(play: Any) -> None:
    with pytest.raises(UnknownLabels, match="2 rows"):
        await ran(play, {"label_encoder": {"0": 1}}, table([0, 7, 8]))


async def test_a_party_without_labels_hands_its_rows_through(play: Any) -> None:
    seats = {G: {"data": table([0, 1, 1])}, H: {"data": table(None)}}
    played = await play(label_transform, {}, seats)
    assert played[H].data[0].frame == table(None).frame
    assert played.ledger == []


def test_every_wrong_parameter_is_named() -> None:
    with pytest.raises(InvalidParameters) as caught:
        LabelTransformParams.parse({"label_encoder": [1], "label_lists": []})
    paths = {problem.path for problem in caught.value.problems}
    assert paths == {"label_encoder", "label_lists"}
