"""Questions about the graph of a DSL."""

from typing import Any

from federation.spec.dag import dag_dependency, depths, downstream_of, inheritance_problems
from federation.spec.dsl import read_dsl


def test_the_graph_is_drawn_as_the_board_reads_it(dsl_v2: dict[str, Any]) -> None:
    dsl_v2["components"]["hetero_lr_1"] = {
        "module": "HeteroLR",
        "input": {"data": {"test_data": ["intersection_0.data"]}, "model": ["hetero_lr_0.model"]},
    }
    graph: Any = dag_dependency(read_dsl(dsl_v2), {"evaluation_0": False})
    assert sorted(graph["component_list"]) == sorted(dsl_v2["components"])
    assert graph["component_module"]["hetero_lr_0"] == "HeteroLR"
    assert "reader_0" not in graph["dependencies"]
    assert graph["dependencies"]["hetero_lr_0"] == [
        {"component_name": "intersection_0", "type": "train_data", "up_output_info": ["data", 0]}
    ]
    assert graph["dependencies"]["hetero_lr_1"] == [
        {
            "component_name": "intersection_0",
            "type": "validate_data",
            "up_output_info": ["data", 0],
        },
        {"component_name": "hetero_lr_0", "type": "model", "up_output_info": ["model", 0]},
    ]
    assert graph["component_need_run"]["evaluation_0"] is False
    assert graph["component_need_run"]["hetero_lr_0"] is True


def test_depth_counts_the_longest_way(dsl_v2: dict[str, Any]) -> None:
    dsl_v2["components"]["evaluation_0"]["input"]["data"]["data"].append("reader_0.data")
    assert depths(read_dsl(dsl_v2)) == {
        "reader_0": 0,
        "data_transform_0": 1,
        "intersection_0": 2,
        "hetero_lr_0": 3,
        "evaluation_0": 4,
    }


def test_downstream_is_what_directly_takes_something(dsl_v2: dict[str, Any]) -> None:
    dsl = read_dsl(dsl_v2)
    assert downstream_of(dsl, ["reader_0", "hetero_lr_0"]) == {"data_transform_0", "evaluation_0"}
    assert downstream_of(dsl, ["evaluation_0"]) == frozenset()


def test_only_a_closed_and_unchanged_part_can_be_inherited(dsl_v2: dict[str, Any]) -> None:
    old = read_dsl(dsl_v2)
    assert inheritance_problems(old, old, ["reader_0", "data_transform_0"]) == []
    dsl_v2["components"]["hetero_lr_0"]["output"]["data"] = ["other"]
    dsl_v2["components"]["evaluation_0"]["input"]["data"]["data"] = ["hetero_lr_0.other"]
    dsl_v2["components"]["extra_0"] = {"module": "Reader"}
    new = read_dsl(dsl_v2)
    names = ["data_transform_0", "hetero_lr_0", "extra_0", "reader_1"]
    assert [problem.message for problem in inheritance_problems(new, old, names)] == [
        "data_transform_0 takes from reader_0: list that as well",
        "hetero_lr_0 has another module, other inputs or other outputs in that job",
        'the earlier job has no component "extra_0"',
        'this job has no component "reader_1"; did you mean "reader_0"?',
    ]
