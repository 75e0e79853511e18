"""Deducing the DSL of a prediction."""

import copy
from typing import Any

import pytest

from federation.errors import InvalidJob
from federation.spec.catalogue import Catalogue
from federation.spec.dsl import read_dsl
from federation.spec.predict import deduce, deploy


def test_the_classic_pipeline_is_deployed_as_fate_deploys_it(dsl_v2: dict[str, Any]) -> None:
    deployed = deploy(dsl_v2, ["data_transform_0", "intersection_0", "hetero_lr_0"])
    assert deployed == {
        "components": {
            "data_transform_0": {
                "module": "DataTransform",
                "input": {"model": ["pipeline.data_transform_0.model"]},
                "output": {"data": ["data"]},
            },
            "intersection_0": {
                "module": "Intersection",
                "input": {"data": {"data": ["data_transform_0.data"]}},
                "output": {"data": ["data"], "cache": ["cache"]},
            },
            "hetero_lr_0": {
                "module": "HeteroLR",
                "input": {
                    "data": {"test_data": ["intersection_0.data"]},
                    "model": ["pipeline.hetero_lr_0.model"],
                },
                "output": {"data": ["data"]},
            },
        }
    }


def test_what_the_pipeline_client_adds_makes_it_the_recorded_prediction_dsl(
    dsl_v2: dict[str, Any],
) -> None:
    """The client deploys, adds a Reader and an Evaluation, and deploys the result."""
    components: Any = deploy(dsl_v2, ["data_transform_0"])["components"]
    components["data_transform_0"]["input"]["data"] = {"data": ["reader_0.data"]}
    reader = {"module": "Reader", "output": {"data": ["data"]}, "provider": "fate_flow"}
    assert {"components": components | {"reader_0": reader}} == {
        "components": {
            "data_transform_0": {
                "module": "DataTransform",
                "input": {
                    "model": ["pipeline.data_transform_0.model"],
                    "data": {"data": ["reader_0.data"]},
                },
                "output": {"data": ["data"]},
            },
            "reader_0": {"module": "Reader", "output": {"data": ["data"]}, "provider": "fate_flow"},
        }
    }


def test_all_components_are_deployed_where_none_is_named(dsl_v2: dict[str, Any]) -> None:
    components: Any = deploy(dsl_v2)["components"]
    assert list(components) == list(dsl_v2["components"])
    assert components["data_transform_0"]["input"]["data"] == {"data": ["reader_0.data"]}


def test_what_is_left_out_is_bridged_by_what_went_into_it(dsl_v2: dict[str, Any]) -> None:
    components = dsl_v2["components"]
    components["split_0"] = {
        "module": "DataSplit",
        "input": {"data": {"data": ["intersection_0.data"]}},
        "output": {"data": ["train_data", "validate_data"]},
    }
    components["hetero_lr_0"]["input"]["data"] = {
        "train_data": ["split_0.train_data"],
        "validate_data": ["split_0.validate_data"],
    }
    kept: Any = deploy(dsl_v2, ["reader_0", "data_transform_0", "hetero_lr_0"])["components"]
    assert kept["hetero_lr_0"]["input"]["data"] == {"test_data": ["data_transform_0.data"]}


def test_isometric_models_are_dropped_and_caches_stay(dsl_v2: dict[str, Any]) -> None:
    components = dsl_v2["components"]
    components["hetero_lr_0"]["input"]["isometric_model"] = ["data_transform_0.model"]
    components["intersection_1"] = {
        "module": "Intersection",
        "input": {
            "data": {"data": ["data_transform_0.data"]},
            "cache": ["intersection_0.cache"],
        },
        "output": {"data": ["data"]},
    }
    kept: Any = deploy(dsl_v2, ["hetero_lr_0", "intersection_1"])["components"]
    assert "isometric_model" not in kept["hetero_lr_0"]["input"]
    assert kept["intersection_1"]["input"] == {"cache": ["intersection_0.cache"]}


def test_a_transform_keeps_the_model_it_transformed_with(dsl_v2: dict[str, Any]) -> None:
    dsl_v2["components"]["data_transform_1"] = {
        "module": "DataTransform",
        "input": {"data": {"data": ["reader_0.data"]}, "model": ["data_transform_0.model"]},
        "output": {"data": ["data"]},
    }
    kept: Any = deploy(dsl_v2, ["data_transform_1"])["components"]
    assert kept["data_transform_1"]["input"]["model"] == ["pipeline.data_transform_0.model"]


def test_components_that_do_not_exist_can_not_be_deployed(dsl_v2: dict[str, Any]) -> None:
    with pytest.raises(InvalidJob) as caught:
        deploy(dsl_v2, ["hetero_lr_0", "hetero_lr_1", "x"])
    assert [str(problem) for problem in caught.value.problems] == [
        'cpn_list[1]: component "hetero_lr_1" does not exist; did you mean "hetero_lr_0"?',
        'cpn_list[2]: component "x" does not exist',
    ]


def test_version_1_deploys_by_itself(dsl_v1: dict[str, Any], catalogue: Catalogue) -> None:
    before = copy.deepcopy(dsl_v1)
    assert deduce(dsl_v1, catalogue) == {
        "components": {
            "dataio_0": {
                "module": "DataIO",
                "input": {
                    "data": {"data": ["args.eval_data"]},
                    "model": ["pipeline.dataio_0.dataio"],
                },
                "output": {"data": ["train"]},
            },
            "intersection_0": {
                "module": "Intersection",
                "input": {"data": {"data": ["dataio_0.train"]}},
                "output": {"data": ["train"]},
            },
            "hetero_lr_0": {
                "module": "HeteroLR",
                "input": {
                    "data": {"test_data": ["intersection_0.train"]},
                    "model": ["pipeline.hetero_lr_0.hetero_lr"],
                },
                "output": {"data": ["train"]},
            },
        }
    }
    assert dsl_v1 == before


def test_the_dsl_says_whether_version_1_deploys_a_component(
    dsl_v1: dict[str, Any], catalogue: Catalogue
) -> None:
    dsl_v1["components"]["evaluation_0"]["need_deploy"] = True
    dsl_v1["components"]["intersection_0"]["need_deploy"] = False
    components: Any = deduce(dsl_v1, catalogue)["components"]
    assert list(components) == ["dataio_0", "hetero_lr_0", "evaluation_0"]
    assert components["hetero_lr_0"]["input"]["data"] == {"test_data": ["dataio_0.train"]}


def test_a_module_the_catalogue_lacks_is_deployed_as_fate_does(dsl_v1: dict[str, Any]) -> None:
    assert "evaluation_0" not in str(deduce(dsl_v1, {}))
    assert "hetero_lr_0" in str(deduce(dsl_v1, {}))


def test_a_deduced_dsl_can_be_read(dsl_v1: dict[str, Any], dsl_v2: dict[str, Any]) -> None:
    read_dsl(deduce(dsl_v1, {}), 1, predict=True)
    read_dsl(deploy(dsl_v2), 2, predict=True)
