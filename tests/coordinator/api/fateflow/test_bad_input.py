"""Whatever is posted, the answer is FATE's envelope and the coordinator goes on."""

import copy
import http.client
import json
from typing import Any
from urllib.parse import urlsplit

import pytest

from coordinator.api.fateflow import DIALECT
from federation.spec.orders import Reason

ROUTES = {route.path: route for route in DIALECT.routes}
UNKNOWN = "202001010000000000009"
NEEDS_JOB = sorted(path for path, route in ROUTES.items() if "job_id*" in route.body)
WRONG: tuple[Any, ...] = (
    [],
    {},
    [[1]],
    {"a": {"b": 1}},
    True,
    -1,
    1.5,
    10**300,
    2**63,
    "x" * 10_000,
    "\u2028/../%00",
    None,
)
Answer = tuple[int, dict[str, Any]]


@pytest.fixture(scope="module")
def some_job(running_coordinator: Any, lr_dsl: Any, lr_conf: Any) -> str:
    """A job of which nothing is expected later."""
    job = running_coordinator.client.submit(lr_dsl, lr_conf)
    running_coordinator.client.wait(job, timeout_s=20)
    return str(job.job_id)


def post(
    live: Any,
    path: str,
    content: bytes,
    method: str = "POST",
    connection: http.client.HTTPConnection | None = None,
) -> Answer:
    parts = urlsplit(live.url)
    used = connection or http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)
    try:
        used.request(method, f"/v1/{path}", content)
        response = used.getresponse()
        body = response.read()
        if "octet-stream" in response.headers["Content-Type"]:
            return response.status, {"retcode": 0, "retmsg": "success"}
        return response.status, json.loads(body)
    finally:
        if connection is None:
            used.close()


def check(answer: Answer) -> dict[str, Any]:
    """The answer, which must be an envelope that somebody meant."""
    status, body = answer
    assert status in (200, 210, 404)
    assert isinstance(body["retcode"], int)
    assert isinstance(body["retmsg"], str)
    assert "there was no answer" not in body["retmsg"], body
    return body


@pytest.mark.parametrize("path", sorted(ROUTES))
@pytest.mark.parametrize(
    "content", [b"", b"{}", b'{"job_id": ', b"[]", b"null", b"\xff\xfe", b"[" * 10_000]
)
def test_no_body_of_any_kind_is_a_crash(live: Any, path: str, content: bytes) -> None:
    for method in ROUTES[path].methods:
        check(post(live, path, content, method))


@pytest.mark.parametrize("path", sorted(path for path in ROUTES if ROUTES[path].body))
def test_no_field_of_a_wrong_kind_is_a_crash(live: Any, path: str, some_job: str) -> None:
    fields = [name.removesuffix("*") for name in ROUTES[path].body]
    good = {
        "job_id": some_job,
        "role": "guest",
        # What is granted to a party, and its keys, last beyond this test.
        "party_id": 40_404 if path.startswith(("permission/", "key/")) else 9999,
        "component_name": "hetero_lr_0",
        "metric_namespace": "train",
        "metric_name": "loss",
    }
    parts = urlsplit(live.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)
    for name in {*fields, "status", "notes"}:
        for value in WRONG:
            body = json.dumps({**good, name: value}).encode()
            check(post(live, path, body, connection=connection))
    connection.close()


@pytest.mark.parametrize("path", NEEDS_JOB)
def test_a_job_id_that_is_left_out_is_named(live: Any, path: str) -> None:
    answer = check(post(live, path, b"{}"))
    assert answer["retcode"] == 101
    assert "job_id" in answer["retmsg"]


@pytest.mark.parametrize("path", sorted(set(NEEDS_JOB) - {"job/log", "job/log/download"}))
def test_a_job_that_is_not_there_is_no_success_with_data(live: Any, path: str) -> None:
    body = {
        "job_id": UNKNOWN,
        "role": "guest",
        "party_id": 9999,
        "component_name": "x_0",
        "metric_namespace": "n",
        "metric_name": "m",
        "notes": "",
    }
    answer = check(post(live, path, json.dumps(body).encode()))
    assert answer["retcode"] in (0, 100, 101, 102, 210)
    assert answer["retcode"] or answer["retmsg"] != "success"
    assert not answer.get("data") or set(answer["data"]) == {"code", "problems"}


def submit(live: Any, dsl: Any, conf: Any) -> dict[str, Any]:
    body = {"job_dsl": dsl, "job_runtime_conf": conf}
    return check(post(live, "job/submit", json.dumps(body).encode()))


def paths(answer: dict[str, Any]) -> dict[str, str]:
    return {problem["path"]: problem["message"] for problem in answer["data"]["problems"]}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b'{"job_dsl": {},\n "job_runtime_conf": {"a" 1}}', "line 2, column 27"),
        (b'{"job_runtime_conf": {"x": NaN}}', "NaN"),
        (b'{"job_runtime_conf": ' + b'{"a":' * 10_000 + b"1" + b"}" * 10_001, "nested deeper"),
        (b'{"job_runtime_conf": {"x": ' + b"9" * 6000 + b"}}", "digits"),
        (b"[]", "not an object"),
        (b'{"job_runtime_conf": []}', "job_runtime_conf is an object"),
        (b'{"job_runtime_conf": {}, "job_dsl": "dsl.json"}', "job_dsl is an object"),
    ],
)
def test_a_submit_that_can_not_be_read_says_where(live: Any, content: bytes, says: str) -> None:
    answer = check(post(live, "job/submit", content))
    assert answer["retcode"] == 103
    assert says in answer["retmsg"]


def test_a_submit_without_a_conf_lacks_an_argument(live: Any) -> None:
    answer = check(post(live, "job/submit", b'{"job_dsl": {}}'))
    assert answer["retcode"] == 101
    assert answer["retmsg"] == "required parameters are missing: job_runtime_conf"


def test_all_problems_of_a_job_are_told_at_once(live: Any, lr_dsl: Any, lr_conf: Any) -> None:
    dsl, conf = copy.deepcopy(lr_dsl), copy.deepcopy(lr_conf)
    dsl["components"]["intersection_0"]["module"] = "Intersecton"
    conf["component_parameters"]["common"]["hetero_lr_0"] = {"max_itr": 3, "learning_rate": "x"}
    answer = submit(live, dsl, conf)
    assert answer["retcode"] == 103
    assert answer["jobId"]
    told = " ".join(f"{path} {message}" for path, message in paths(answer).items())
    assert "Intersection" in told
    assert "max_iter" in told
    assert "learning_rate" in told
    assert answer["retmsg"].startswith("the job has 3 problems")


def loop(dsl: Any, conf: Any) -> None:
    dsl["components"]["intersection_0"]["input"] = {"data": {"data": ["evaluation_0.data"]}}


def wrong_role(dsl: Any, conf: Any) -> None:
    conf["role"]["gest"] = [1]


def initiator_without_seat(dsl: Any, conf: Any) -> None:
    conf["initiator"] = {"role": "host", "party_id": 1}


def no_arbiter(dsl: Any, conf: Any) -> None:
    del conf["role"]["arbiter"]


def roles_of_text(dsl: Any, conf: Any) -> None:
    conf["role"] = "guest"


def role_ids_of_objects(dsl: Any, conf: Any) -> None:
    conf["role"]["guest"] = [{}]


def no_components(dsl: Any, conf: Any) -> None:
    dsl["components"] = {}


def components_of_list(dsl: Any, conf: Any) -> None:
    dsl["components"] = []


def module_of_number(dsl: Any, conf: Any) -> None:
    dsl["components"]["reader_0"]["module"] = 3


def huge_number(dsl: Any, conf: Any) -> None:
    conf["component_parameters"]["common"]["hetero_lr_0"]["max_iter"] = -(10**200)


def unknown_version(dsl: Any, conf: Any) -> None:
    conf["dsl_version"] = 7


def input_of_nobody(dsl: Any, conf: Any) -> None:
    dsl["components"]["intersection_0"]["input"] = {"data": {"data": ["reader_7.data"]}}


def no_table(dsl: Any, conf: Any) -> None:
    conf["component_parameters"]["role"]["host"] = {}


def parameters_of_list(dsl: Any, conf: Any) -> None:
    conf["component_parameters"] = [1]


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (loop, "intersection_0"),
        (wrong_role, "gest"),
        (initiator_without_seat, "initiator"),
        (no_arbiter, "arbiter"),
        (roles_of_text, "role"),
        (role_ids_of_objects, "guest"),
        (no_components, "components"),
        (components_of_list, "components"),
        (module_of_number, "module"),
        (huge_number, "max_iter"),
        (unknown_version, "dsl_version"),
        (input_of_nobody, "reader_7"),
        (no_table, "reader_0"),
        (parameters_of_list, "component_parameters"),
    ],
)
def test_a_job_that_can_not_run_is_refused_by_103(
    live: Any, lr_dsl: Any, lr_conf: Any, spoil: Any, says: str
) -> None:
    dsl, conf = copy.deepcopy(lr_dsl), copy.deepcopy(lr_conf)
    spoil(dsl, conf)
    answer = submit(live, dsl, conf)
    assert answer["retcode"] == 103
    assert says in answer["retmsg"]
    assert live.client.submit(lr_dsl, lr_conf).job_id


def test_a_party_that_did_not_join_is_named(live: Any, lr_dsl: Any, lr_conf: Any) -> None:
    conf = {**lr_conf, "role": {**lr_conf["role"], "host": [31337]}}
    answer = submit(live, lr_dsl, conf)
    assert answer["retcode"] == 103
    assert "31337" in answer["retmsg"]
    assert live.client.job(answer["jobId"])["f_status"] == "failed"


def test_a_party_that_refuses_is_named_with_its_reason(
    live: Any, lr_dsl: Any, lr_conf: Any
) -> None:
    live.agents.refusing["10000"] = Reason(
        code="table_not_found", message="table breast.host does not exist"
    )
    answer = submit(live, lr_dsl, lr_conf)
    assert answer["retcode"] == 103
    assert "party 10000: table breast.host does not exist" in answer["retmsg"]
    assert live.client.job(answer["jobId"])["f_status"] == "failed"


def test_a_prediction_with_no_model_is_refused(live: Any, lr_conf: Any) -> None:
    conf = copy.deepcopy(lr_conf)
    conf["job_parameters"]["common"] = {
        "job_type": "predict",
        "model_id": "m",
        "model_version": "v",
    }
    answer = submit(live, {}, conf)
    assert answer["retcode"] == 103
    assert "no model 'm'" in answer["retmsg"]


@pytest.mark.parametrize(
    "body",
    [{"stop_status": "running"}, {"stop_status": "broken"}, {"stop_status": ["canceled"]}],
)
def test_a_job_is_not_stopped_with_any_word(live: Any, some_job: str, body: Any) -> None:
    answer = live.client.call("job/stop", {"job_id": some_job, **body})
    assert answer["retcode"] == 101
    assert "canceled" in answer["retmsg"]


def test_a_rerun_of_no_component_names_it(live: Any, some_job: str) -> None:
    answer = live.client.call("job/rerun", {"job_id": some_job, "component_name": "lr_9"})
    assert answer["retcode"] == 101
    assert "lr_9" in answer["retmsg"]


def test_a_rerun_of_no_job_is_102(live: Any) -> None:
    answer = live.client.call("job/rerun", {"job_id": UNKNOWN})
    assert (answer["retcode"], answer["retmsg"]) == (102, "can not found job")


def test_other_methods_and_odd_paths_are_answered_in_the_envelope(live: Any) -> None:
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS"):
        assert check(post(live, "job/submit", b"{}", method))["retcode"] == 101
    for path in ("", "x/../y", "%ED%A0%80", "%00", "job//query", "a" * 4000):
        assert check(post(live, path, b"{}"))["retcode"] == 101
