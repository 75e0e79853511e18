"""A small catalogue, and the classic jobs of both DSL versions."""

from typing import Any

import pytest

from federation.spec.catalogue import Catalogue, ModuleDecl, Slot, by_module
from federation.spec.party import ARBITER, GUEST, HOST, LOCAL

TWO = frozenset({GUEST, HOST})
THREE = TWO | {ARBITER}
DATA = (Slot("data"),)
TRAINED = (Slot("train_data"), Slot("validate_data"), Slot("test_data"))

LR_SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "max_iter": {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}]},
        "learning_rate": {"anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "null"}]},
        "penalty": {
            "anyOf": [
                {
                    "type": "string",
                    "pattern": "(?i)^(l1|l2|none)$",
                    "x-choices": ["L1", "L2", "NONE"],
                },
                {"type": "null"},
            ]
        },
        "init_param": {"anyOf": [{"$ref": "#/$defs/InitParam"}, {"type": "null"}]},
        "validation_freqs": {
            "anyOf": [
                {"anyOf": [{"type": "integer"}, {"type": "array", "items": {"type": "integer"}}]},
                {"type": "null"},
            ]
        },
        "need_run": {"type": "boolean"},
    },
    "$defs": {
        "InitParam": {
            "type": "object",
            "additionalProperties": False,
            "x-legacy": ["init_seed"],
            "properties": {
                "init_method": {"enum": ["zeros", "ones", "random_uniform"]},
                "fit_intercept": {"type": "boolean"},
            },
        }
    },
}


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    """Modules as agents would publish them."""
    return by_module(
        (
            ModuleDecl("Reader", "ReaderParam", TWO, data_out=1),
            ModuleDecl(
                "DataTransform",
                "DataTransformParam",
                TWO,
                aliases=("DataIO",),
                data_slots=DATA,
                model_in=True,
                data_out=1,
                model_out=True,
            ),
            ModuleDecl(
                "Intersection",
                "IntersectParam",
                TWO,
                data_slots=(Slot("data", many=True),),
                cache_in=True,
                data_out=1,
                cache_out=True,
            ),
            ModuleDecl(
                "HeteroLR",
                "HeteroLogisticParam",
                THREE,
                needs=THREE,
                data_slots=TRAINED,
                model_in=True,
                isometric_in=True,
                data_out=1,
                model_out=True,
                params_schema=LR_SCHEMA,
                legacy_fields={"eps": "read as tol"},
            ),
            ModuleDecl("Union", "UnionParam", TWO, data_slots=(Slot("data", True),), data_out=1),
            ModuleDecl("DataSplit", "DataSplitParam", TWO, data_slots=DATA, data_out=3),
            ModuleDecl(
                "Evaluation",
                "EvaluateParam",
                THREE,
                data_slots=(Slot("data", many=True),),
                data_out=1,
                need_deploy=False,
            ),
            ModuleDecl("Upload", "UploadParam", frozenset({LOCAL})),
            ModuleDecl("SecureAddExample", "SecureAddExampleParam", TWO),
        )
    )


@pytest.fixture
def dsl_v2() -> dict[str, Any]:
    """The pipeline that FATE's Python client sends."""
    return {
        "components": {
            "reader_0": {
                "module": "Reader",
                "output": {"data": ["data"]},
                "provider": "fate_flow",
            },
            "data_transform_0": {
                "module": "DataTransform",
                "input": {"data": {"data": ["reader_0.data"]}},
                "output": {"data": ["data"], "model": ["model"]},
                "provider": "fate",
            },
            "intersection_0": {
                "module": "Intersection",
                "input": {"data": {"data": ["data_transform_0.data"]}},
                "output": {"data": ["data"], "cache": ["cache"]},
                "provider": "fate",
            },
            "hetero_lr_0": {
                "module": "HeteroLR",
                "input": {"data": {"train_data": ["intersection_0.data"]}},
                "output": {"data": ["data"], "model": ["model"]},
                "provider": "fate",
            },
            "evaluation_0": {
                "module": "Evaluation",
                "input": {"data": {"data": ["hetero_lr_0.data"]}},
                "output": {"data": ["data"]},
                "provider": "fate",
            },
        }
    }


@pytest.fixture
def conf_v2() -> dict[str, Any]:
    """Two hosts, ids as numbers and texts, host 10000 is the arbiter as well, client noise."""
    return {
        "dsl_version": "2",
        "initiator": {"role": "guest", "party_id": "9999"},
        "role": {"guest": [9999], "host": ["10000", 10001], "arbiter": [10000]},
        "job_parameters": {
            "common": {"job_type": "train", "work_mode": 0, "backend": 0, "task_cores": "2"},
            "role": {"host": {"1": {"task_cores": 8}}, "guest": {"0": {"user": ""}}},
        },
        "component_parameters": {
            "common": {
                "hetero_lr_0": {
                    "max_iter": 3,
                    "penalty": "L2",
                    "init_param": {"init_method": "zeros", "fit_intercept": True},
                },
                "evaluation_0": {"eval_type": "binary"},
                "intersect_0": {"intersect_method": "rsa"},
            },
            "role": {
                "guest": {
                    "0": {
                        "reader_0": {"table": {"name": "guest", "namespace": "breast"}},
                        "data_transform_0": {"with_label": True},
                    }
                },
                "host": {
                    "0|1": {
                        "data_transform_0": {"with_label": False},
                        "hetero_lr_0": {"init_param": {"fit_intercept": False}},
                    },
                    "0": {"reader_0": {"table": {"name": "host_0", "namespace": "breast"}}},
                    "1": {"reader_0": {"table": {"name": "host_1", "namespace": "breast"}}},
                    "all": {"hetero_lr_0": {"max_iter": 4}},
                    "secure_add_example_0": {"seed": 321},
                },
            },
        },
        "conf_path": "conf.json",
        "dsl_path": "dsl.json",
        "function": "submit_job",
    }


@pytest.fixture
def dsl_v1() -> dict[str, Any]:
    """The classic job of FATE 1.2 to 1.4."""
    return {
        "components": {
            "dataio_0": {
                "module": "DataIO",
                "input": {"data": {"data": ["args.train_data"]}},
                "output": {"data": ["train"], "model": ["dataio"]},
                "need_deploy": True,
            },
            "dataio_1": {
                "module": "DataIO",
                "input": {"data": {"data": ["args.eval_data"]}, "model": ["dataio_0.dataio"]},
                "output": {"data": ["eval"]},
                "need_deploy": False,
            },
            "intersection_0": {
                "module": "Intersection",
                "input": {"data": {"data": ["dataio_0.train"]}},
                "output": {"data": ["train"]},
            },
            "intersection_1": {
                "module": "Intersection",
                "input": {"data": {"data": ["dataio_1.eval"]}},
                "output": {"data": ["eval"]},
                "need_deploy": False,
            },
            "hetero_lr_0": {
                "module": "HeteroLR",
                "input": {
                    "data": {
                        "train_data": ["intersection_0.train"],
                        "eval_data": ["intersection_1.eval"],
                    }
                },
                "output": {"data": ["train"], "model": ["hetero_lr"]},
            },
            "evaluation_0": {
                "module": "Evaluation",
                "input": {"data": {"data": ["hetero_lr_0.train"]}},
            },
        }
    }


@pytest.fixture
def conf_v1() -> dict[str, Any]:
    """Lists with one value per party, and a stale section."""
    return {
        "initiator": {"role": "guest", "party_id": 9999},
        "job_parameters": {"work_mode": 0, "job_type": "train", "processors_per_node": 3},
        "role": {"guest": [9999], "host": [10000, 10001], "arbiter": [10000]},
        "role_parameters": {
            "guest": {
                "args": {
                    "data": {
                        "train_data": [{"name": "g", "namespace": "n"}],
                        "eval_data": [{"name": "g_eval", "namespace": "n"}],
                    }
                },
                "dataio_0": {"with_label": [True], "label_name": ["y"]},
            },
            "host": {
                "args": {
                    "data": {
                        "train_data": [
                            {"name": "h0", "namespace": "n"},
                            {"name": "h1", "namespace": "n"},
                        ],
                        "eval_data": [
                            {"name": "h0_eval", "namespace": "n"},
                            {"name": "h1_eval", "namespace": "n"},
                        ],
                    }
                },
                "dataio_0": {"with_label": [False, False], "missing_impute": [["a"], ["b", "c"]]},
                "hetero_lr_0": {"init_param": {"init_method": ["zeros", "ones"]}},
            },
        },
        "algorithm_parameters": {
            "hetero_lr_0": {"penalty": "L2", "max_iter": 5, "eps": 1e-4},
            "intersect_0": {"intersect_method": "rsa"},
        },
    }
