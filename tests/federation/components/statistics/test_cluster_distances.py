"""Metrics of the arbiter of a clustering, beside scikit-learn's."""

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import davies_bouldin_score

from federation.components.statistics.distances import NoClusters
from federation.components.statistics.evaluation import evaluation
from federation.spec.party import ARBITER, GUEST, Party
from federation.tables import Schema, Table, TableKind

G, A = Party(GUEST, "9999"), Party(ARBITER, "10001")
DRAW = np.random.default_rng(1)
CENTRES = np.array([[0.0, 0.0], [5.0, 1.0], [-3.0, 4.0]])
CLUSTER = DRAW.integers(0, 3, 60)
X = CENTRES[CLUSTER] + DRAW.normal(size=(60, 2))
MEANS = np.array([X[k == CLUSTER].mean(axis=0) for k in range(3)])
DISTANCE = np.linalg.norm(X - MEANS[CLUSTER], axis=1)
CONF = {"eval_type": "clustering", "run_clustering_arbiter_metric": True}


def table(columns: dict[str, Any], name: str) -> Table:
    frame = pa.table({"id": [str(i) for i in range(len(columns["type"]))], **columns})
    schema = Schema("id", tuple(columns), TableKind.RAW)
    return Table(schema, frame, "hetero_kmeans_0", name)


def clusters() -> Table:
    apart = np.array([[np.sum((a - b) ** 2) for b in MEANS] for a in MEANS])
    return table(
        {
            "cluster_index": [0, 1, 2],
            "cluster_sample_count": [int(np.sum(k == CLUSTER)) for k in range(3)],
            "cluster_inner_dist": [float(DISTANCE[k == CLUSTER].mean()) for k in range(3)],
            "inter_cluster_dist": [json.dumps(np.delete(apart[k], k).tolist()) for k in range(3)],
            "type": ["train"] * 3,
        },
        "data_0",
    )


def rows() -> Table:
    return table(
        {
            "predicted_cluster_index": CLUSTER.astype(float),
            "distance": DISTANCE,
            "type": ["train"] * 60,
        },
        "data_1",
    )


async def test_the_arbiter_measures_distances_as_scikit_learn_does(play: Any) -> None:
    played = await play(evaluation, CONF, {G: {"data": ()}, A: {"data": (clusters(), rows())}})
    expected = round(davies_bouldin_score(X, CLUSTER), 6)
    found = played[A].summary["hetero_kmeans_0"]["train"]
    assert found == {"davies_bouldin_index": expected}
    report = played.reports[A]
    assert report.types["train", "hetero_kmeans_0"] == "CLUSTERING_EVALUATION_SUMMARY"
    meta = report.meta["train", "hetero_kmeans_0_distance_measure"]
    assert meta["radius"] == [round(float(DISTANCE[k == CLUSTER].max()), 6) for k in range(3)]
    assert meta["nearest_idx"] == [2, 0, 0]
    assert meta["cluster_index"] == [0, 1, 2]
    assert played.ledger == []


async def test_the_arbiter_measures_nothing_unless_asked(play: Any) -> None:
    seats = {G: {"data": ()}, A: {"data": (clusters(), rows())}}
    played = await play(evaluation, {"eval_type": "clustering"}, seats)
    assert played[A].summary == {}
    assert played.reports[A].types == {}


async def test_one_metric_alone_can_be_asked_for_by_its_alias(play: Any) -> None:
    seats = {G: {"data": ()}, A: {"data": (clusters(),)}}
    played = await play(evaluation, {**CONF, "metrics": ["DBI"]}, seats)
    assert set(played.reports[A].types) == {("train", "hetero_kmeans_0")}


@pytest.mark.parametrize("wrong", ["[1.0]", "far", "[1, 2, 3]", None])
async def test_clusters_that_are_not_written_as_fates_are_refused(
    play: Any, wrong: str | None
) -> None:
    made = clusters()
    column = made.frame.column_names.index("inter_cluster_dist")
    frame = made.frame.set_column(column, "inter_cluster_dist", pa.array([wrong] * 3, pa.string()))
    with pytest.raises(NoClusters, match="both outputs of a clustering"):
        broken = Table(made.schema, frame, made.source, made.name)
        await play(evaluation, CONF, {G: {"data": ()}, A: {"data": (broken,)}})
