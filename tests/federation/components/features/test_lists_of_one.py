"""What the catalogue's schemas say of lists that FATE's job files write as single values."""

from typing import Any

import pytest

from federation.components.registry import find_component
from federation.spec.schema_problems import schema_problems, validator_of

GIVEN: list[tuple[str, dict[str, Any]]] = [
    ("DataTransform", {"missing_impute": "-999", "outlier_impute": 7}),
    ("FeatureScale", {"scale_col_indexes": -1, "scale_names": "x", "feat_upper": 3, "area": "all"}),
    ("OneHotEncoder", {"transform_col_indexes": 0, "transform_col_names": "x"}),
    ("ColumnExpand", {"append_header": "x", "fill_value": 1}),
    ("DataStatistics", {"statistics": "summary", "column_indexes": -1, "column_names": "x"}),
]


@pytest.mark.parametrize(("module", "conf"), GIVEN, ids=[module for module, _ in GIVEN])
def test_a_single_value_stands_for_a_list_of_one(module: str, conf: dict[str, Any]) -> None:
    component = find_component(module)
    assert list(schema_problems(validator_of(component.declare()), conf)) == []
    parsed = component.params.parse(conf)
    assert all(getattr(parsed, name) == [value] for name, value in conf.items() if name != "area")


def test_a_wrong_single_value_is_a_problem_for_the_coordinator_too() -> None:
    validator = validator_of(find_component("FeatureScale").declare())
    problems = list(schema_problems(validator, {"scale_col_indexes": "all"}))
    assert {path[0] for path, _ in problems} == {"scale_col_indexes"}
