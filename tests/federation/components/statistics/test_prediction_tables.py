import numpy as np
import pyarrow as pa
import pytest

from federation.components.statistics.metrics import EvalType
from federation.components.statistics.predictions import NoPredictions, read_predictions
from federation.tables import Schema, Table, TableKind

BINARY, MULTI, CLUSTERING = EvalType.BINARY, EvalType.MULTI, EvalType.CLUSTERING


def predictions(stage: str, label: list[float], score: list[float], source: str = "lr_0") -> Table:
    return Table.predictions(
        [f"id{row}" for row in range(len(label))],
        label=np.array(label, dtype=np.float64),
        result=np.round(score),
        score=np.array(score, dtype=np.float64),
        detail=[f"{{'0': {1 - one}, '1': {one}}}" for one in score],
        stage=stage,
    ).named(source)


def test_stages_come_as_train_validate_predict() -> None:
    table = Table.stacked([predictions(stage, [1], [0.5]) for stage in ("predict", "train")])
    found = read_predictions([table, predictions("validate", [0], [0.2])], BINARY)
    assert [part.stage for part in found] == ["train", "validate", "predict"]


def test_two_outputs_of_one_component_count_as_one_table() -> None:
    tables = [predictions("train", [1, 0], [0.9, 0.1]), predictions("train", [1], [0.5])]
    (found,) = read_predictions(tables, BINARY)
    assert found.scores.tolist() == [0.9, 0.1, 0.5]


def test_components_keep_the_order_they_were_given_in() -> None:
    tables = [predictions("train", [1], [0.9], name) for name in ("lr_1", "lr_0")]
    assert [part.source for part in read_predictions(tables, BINARY)] == ["lr_1", "lr_0"]


def test_a_table_without_rows_gives_nothing() -> None:
    assert read_predictions([predictions("train", [], [])], BINARY) == []


def test_rows_without_a_label_are_refused_and_the_component_is_named() -> None:
    with pytest.raises(NoPredictions, match="lr_0 predicted have no label"):
        read_predictions([predictions("predict", [1, float("nan")], [0.1, 0.2])], BINARY)


def test_rows_that_are_no_predictions_are_refused() -> None:
    table = Table.instances(["a"], np.ones((1, 1)), ["x0"], label=np.ones(1)).named("transform_0")
    with pytest.raises(NoPredictions, match="transform_0 gives rows without label, predict_result"):
        read_predictions([table], BINARY)


def test_predictions_of_a_classifier_are_no_clustering() -> None:
    with pytest.raises(NoPredictions, match=r"without predicted_label.*eval_type"):
        read_predictions([predictions("train", [1], [0.5])], CLUSTERING)


def test_clusters_are_read_from_their_own_column() -> None:
    columns = {"id": ["a", "b"], "label": [0, 1], "predicted_label": [1, 1], "type": ["train"] * 2}
    schema = Schema("id", tuple(columns)[1:], TableKind.PREDICTIONS, label="label")
    (found,) = read_predictions([Table(schema, pa.table(columns), "kmeans_0")], CLUSTERING)
    assert found.prediction(CLUSTERING).tolist() == [1, 1]


def test_labels_that_are_text_are_refused() -> None:
    columns = {"id": ["a"], "label": ["yes"], "predicted_label": [1], "type": ["train"]}
    schema = Schema("id", tuple(columns)[1:], TableKind.PREDICTIONS, label="label")
    with pytest.raises(NoPredictions, match="label of kmeans_0 is not a number"):
        read_predictions([Table(schema, pa.table(columns), "kmeans_0")], CLUSTERING)


def test_the_score_of_each_class_is_read_from_the_detail() -> None:
    (found,) = read_predictions([predictions("train", [1, 0], [0.75, 0.25])], MULTI)
    scores = found.class_scores(np.array([0.0, 1.0, 7.0]))
    assert scores.tolist() == [[0.25, 0.75, 0], [0.75, 0.25, 0]]


@pytest.mark.parametrize("detail", ["", "{}, {}", "{'label': 1.5}", "__import__('os')", "[1]"])
def test_a_detail_in_another_form_is_refused(detail: str) -> None:
    table = Table.predictions(
        ["a"],
        label=np.ones(1),
        result=np.ones(1),
        score=np.ones(1),
        detail=[detail],
        stage="train",
    )
    (found,) = read_predictions([table.named("lr_0")], MULTI)
    with pytest.raises(NoPredictions, match="predict_detail of lr_0"):
        found.class_scores(np.array([1.0]))
