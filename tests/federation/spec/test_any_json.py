"""Whatever JSON is posted, the answer is a job or a list of problems."""

import copy
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from federation.errors import InvalidJob
from federation.spec.catalogue import Catalogue
from federation.spec.check import check
from federation.spec.dag import dag_dependency
from federation.spec.job import read_job
from federation.spec.plan import plan
from federation.spec.predict import deduce, deploy
from federation.spec.predict_conf import conf_template, merge_predict_conf

WORDS = st.sampled_from(
    [
        "0",
        "0|1",
        "all",
        "args",
        "args.x",
        "pipeline.hetero_lr_0.model",
        "reader_0.data",
        "data",
        "guest",
        "role",
        "common",
        "hetero_lr_0",
        "train",
        "predict",
        "9999",
        "host",
        "é..",
        "\ud800",
        "",
    ]
)
LEAVES = WORDS | st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
JUNK = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)
SETTINGS = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def places(value: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path]
    if isinstance(value, dict | list):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in pairs:
            found += places(inner, (*path, key))
    return found


def mutated(data: st.DataObject, document: Any) -> Any:
    """`document` with one to three parts replaced, removed or added."""
    document = copy.deepcopy(document)
    for _ in range(data.draw(st.integers(1, 3))):
        *above, key = data.draw(st.sampled_from(places(document)[1:] or [("x",)]))
        owner = document
        for step in above:
            owner = owner[step]
        match data.draw(st.sampled_from(["replace", "remove", "add"])):
            case "remove" if isinstance(owner, dict | list) and owner and key != "x":
                del owner[key]
            case "add" if isinstance(owner, dict):
                owner[data.draw(WORDS)] = data.draw(JUNK)
            case _ if isinstance(owner, dict | list) and key != "x":
                owner[key] = data.draw(JUNK)
    return document


def run(dsl: Any, conf: Any, catalogue: Catalogue) -> None:
    """All that is done with a posted job, as long as there is no problem."""
    try:
        job = read_job(dsl, conf)
    except InvalidJob as refused:
        assert refused.problems
        return
    dag_dependency(job.dsl)
    if not check(job, catalogue):
        assert plan(job, catalogue).tasks


@SETTINGS
@given(data=st.data())
def test_a_mutated_job_of_version_2_is_planned_or_refused(
    data: st.DataObject, dsl_v2: dict[str, Any], conf_v2: dict[str, Any], catalogue: Catalogue
) -> None:
    run(mutated(data, dsl_v2), conf_v2, catalogue)
    run(dsl_v2, mutated(data, conf_v2), catalogue)


@SETTINGS
@given(data=st.data())
def test_a_mutated_job_of_version_1_is_planned_or_refused(
    data: st.DataObject, dsl_v1: dict[str, Any], conf_v1: dict[str, Any], catalogue: Catalogue
) -> None:
    run(mutated(data, dsl_v1), conf_v1, catalogue)
    run(dsl_v1, mutated(data, conf_v1), catalogue)


@SETTINGS
@given(dsl=JUNK, conf=JUNK)
def test_any_json_is_refused_as_a_job(dsl: Any, conf: Any, catalogue: Catalogue) -> None:
    run(dsl, conf, catalogue)


@SETTINGS
@given(data=st.data())
def test_a_mutated_prediction_is_planned_or_refused(
    data: st.DataObject,
    dsl_v1: dict[str, Any],
    conf_v1: dict[str, Any],
    dsl_v2: dict[str, Any],
    conf_v2: dict[str, Any],
    catalogue: Catalogue,
) -> None:
    for dsl, conf, predict_dsl in (
        (dsl_v1, conf_v1, deduce(dsl_v1, catalogue)),
        (dsl_v2, conf_v2, deploy(dsl_v2)),
    ):
        posted = mutated(data, conf_template(dsl, conf, "m", "v"))
        try:
            merged = merge_predict_conf(conf, posted)
        except InvalidJob:
            continue
        run(predict_dsl, merged, catalogue)


@SETTINGS
@given(data=st.data())
def test_a_mutated_training_dsl_is_deployed_or_refused(
    data: st.DataObject, dsl_v1: dict[str, Any], dsl_v2: dict[str, Any], catalogue: Catalogue
) -> None:
    try:
        assert deploy(mutated(data, dsl_v2)).keys() == {"components"}
        assert deduce(mutated(data, dsl_v1), catalogue).keys() == {"components"}
    except InvalidJob as refused:
        assert refused.problems
