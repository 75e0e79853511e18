import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from federation.components.statistics.clustering import Contingency, jaccard

PAIRS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=60)


@given(PAIRS)
def test_the_scores_of_a_clustering_are_those_of_scikit_learn(rows: list[tuple[int, int]]) -> None:
    labels, clusters = np.array(rows, dtype=np.float64).T
    table = Contingency.of(labels, clusters)
    ours = [table.adjusted_rand, table.fowlkes_mallows, jaccard(labels, clusters)]
    theirs = [
        sk.adjusted_rand_score(labels, clusters),
        sk.fowlkes_mallows_score(labels, clusters),
        sk.jaccard_score(labels, clusters, average="weighted", zero_division=0),
    ]
    np.testing.assert_allclose(ours, theirs, atol=1e-12)


def test_the_names_of_clusters_do_not_matter_but_to_jaccard() -> None:
    labels, clusters = np.array([0.0, 0.0, 1.0, 1.0]), np.array([7.0, 7.0, 3.0, 3.0])
    table = Contingency.of(labels, clusters)
    assert (table.adjusted_rand, table.fowlkes_mallows) == (1, 1)
    assert jaccard(labels, clusters) == 0


def test_the_contingency_table_counts_rows_by_class_and_cluster() -> None:
    table = Contingency.of(np.array([0.0, 0.0, 1.0]), np.array([5.0, 9.0, 9.0]))
    assert table.classes.tolist() == [0, 1]
    assert table.clusters.tolist() == [5, 9]
    assert table.table.tolist() == [[1, 1], [0, 1]]
