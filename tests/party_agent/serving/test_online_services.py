"""Services of a party, asked in the words of FATE-Serving."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from federation.errors import LinkClosed, ModelNotLoaded, ServiceNotBound, Unavailable
from federation.fateflow.reading import keep_body
from federation.spec.party import GUEST, HOST
from party_agent.runner import Runner
from party_agent.serving import ServingDesk
from party_agent.serving.desk import Service
from party_agent.serving.http import BATCH, SINGLE, routes

SERVICE = Service("s", "m", "v1")


@dataclass
class Task:
    """A task that serves a version, and answers as it is told."""

    version: str
    answer: Any = None
    role: Any = GUEST
    module: str = "Serving"
    state: str = "waits for its peers' keys"
    stopped: Any = None
    asked: list[Any] = field(default_factory=list)

    @property
    def order(self) -> Any:
        task = SimpleNamespace(module=self.module, role=self.role)
        return SimpleNamespace(task=task, model_version=self.version)

    async def ask(self, question: Any, timeout_s: float) -> Any:
        self.asked.append(question)
        if isinstance(self.answer, Exception):
            raise self.answer
        return {"rows": [dict(self.answer) for _ in question["rows"]]}


def desk_of(folder: Path, *tasks: Task) -> ServingDesk:
    return ServingDesk(folder, cast(Runner, SimpleNamespace(attempts=list(tasks))))


def good() -> Task:
    told = {"code": "ok", "score": 0.25, "result": 0.0, "detail": "{}"}
    return Task("v1", told)


Ask = Callable[[ServingDesk, str, Any], Awaitable[dict[str, Any]]]


@pytest.fixture
async def ask() -> Ask:
    async def asked(desk: ServingDesk, path: str, body: Any) -> dict[str, Any]:
        app = web.Application()
        app.router.add_routes(routes(desk))
        async with TestClient(TestServer(app)) as client:
            sent = {"data": body} if isinstance(body, str) else {"json": body}
            answer = await client.post(path, **sent)
            assert answer.status == 200
            return dict(await answer.json())

    return asked


def request(features: Any = None, remote: Any = None, service: str = "s") -> dict[str, Any]:
    body = {
        "featureData": {"x": 1.5} if features is None else features,
        "sendToRemoteFeatureData": {"id": 7} if remote is None else remote,
    }
    return {"head": {"serviceId": service}, "body": body}


async def test_a_bound_model_answers(tmp_path: Path, ask: Ask) -> None:
    task = good()
    desk = desk_of(tmp_path, task)
    desk.bind(SERVICE)
    answer = await ask(desk, SINGLE, request())
    assert (answer["retcode"], answer["flag"]) == (0, 0)
    data = answer["data"]
    assert (data["score"], data["modelId"], data["modelVersion"]) == (0.25, "m", "v1")
    assert task.asked == [{"rows": [{"id": "7", "features": {"x": 1.5}}]}]


async def test_a_batch_is_one_question_and_keeps_its_indexes(tmp_path: Path, ask: Ask) -> None:
    task = good()
    desk = desk_of(tmp_path, task)
    desk.bind(SERVICE)
    rows = [{"index": i, **request()["body"]} for i in (4, 2)]
    body = {"head": {"serviceId": "s"}, "body": {"batchDataList": rows}}
    answer = await ask(desk, BATCH, body)
    assert [row["index"] for row in answer["batchDataList"]] == [4, 2]
    assert len(task.asked) == 1


def test_bindings_outlast_the_agent(tmp_path: Path) -> None:
    desk_of(tmp_path, good()).bind(SERVICE)
    assert desk_of(tmp_path).get("s") == SERVICE


def test_only_what_is_loaded_here_as_guest_can_be_bound(tmp_path: Path) -> None:
    others = (Task("v2"), Task("v1", role=HOST), Task("v1", module="HeteroLR"))
    with pytest.raises(ModelNotLoaded):
        desk_of(tmp_path, *others).bind(SERVICE)
    with pytest.raises(ServiceNotBound):
        desk_of(tmp_path).get("s")


def test_a_damaged_file_of_bindings_is_named(tmp_path: Path) -> None:
    (tmp_path / "services.json").write_text("[1")
    with pytest.raises(Unavailable, match=r"services\.json is damaged"):
        desk_of(tmp_path).get("s")


@pytest.mark.parametrize(
    ("answer", "retcode", "says"),
    [
        ({"code": "unknown_id", "message": "host:2 has no row of this id"}, 113, "host:2"),
        ({"code": "missing_features", "message": "lacks a, b"}, 102, "a, b"),
        ({"code": "host_no_answer", "message": "host:2 gave no answer"}, 105, "host:2"),
        ({"code": "not_servable", "message": "no"}, 110, "no"),
        (LinkClosed(), 105, "waits for its peers' keys"),
        (TimeoutError(), 105, "no answer within"),
    ],
)
async def test_each_no_has_its_code_and_its_reason(
    tmp_path: Path, ask: Ask, answer: Any, retcode: int, says: str
) -> None:
    desk = desk_of(tmp_path, Task("v1", answer))
    desk.bind(SERVICE)
    told = await ask(desk, SINGLE, request())
    assert (told["retcode"], told["data"].get("score")) == (retcode, None)
    assert says in told["retmsg"]


async def test_a_bound_model_that_is_no_longer_loaded_is_told(tmp_path: Path, ask: Ask) -> None:
    desk_of(tmp_path, good()).bind(SERVICE)
    told = await ask(desk_of(tmp_path), SINGLE, request())
    assert told["retcode"] == 104
    assert "model/load" in told["retmsg"]


async def test_a_service_without_a_model_is_told(tmp_path: Path, ask: Ask) -> None:
    told = await ask(desk_of(tmp_path, good()), SINGLE, request(service="other"))
    assert told["retcode"] == 122
    assert "other" in told["retmsg"]


@pytest.mark.parametrize(
    "body",
    [
        "no json",
        "[]",
        {},
        {"head": {}, "body": {}},
        {"head": {"serviceId": 5}, "body": {}},
        {"head": {"serviceId": "s"}, "body": []},
        request(features=[1]),
        request(features={"x": [1]}),
        request(remote=[1]),
        request(remote={"id": {"a": 1}}),
        request(remote={"id": True}),
    ],
)
@pytest.mark.parametrize("path", [SINGLE, BATCH])
async def test_a_request_of_another_shape_is_refused(
    tmp_path: Path, ask: Ask, path: str, body: Any
) -> None:
    desk = desk_of(tmp_path, good())
    desk.bind(SERVICE)
    told = await ask(desk, path, body)
    assert told["retcode"] == 100
    assert told["retmsg"]


async def test_a_batch_that_is_too_long_is_refused(tmp_path: Path, ask: Ask) -> None:
    task = good()
    desk = desk_of(tmp_path, task)
    desk.bind(SERVICE)
    rows = [request()["body"]] * 1001
    body = {"head": {"serviceId": "s"}, "body": {"batchDataList": rows}}
    told = await ask(desk, BATCH, body)
    assert (told["retcode"], task.asked) == (100, [])


async def test_a_body_that_was_read_for_its_signature_is_answered(tmp_path: Path) -> None:
    @web.middleware
    async def checking(request: web.Request, handler: Any) -> web.StreamResponse:
        await keep_body(request)
        answer: web.StreamResponse = await handler(request)
        return answer

    desk = desk_of(tmp_path, good())
    desk.bind(SERVICE)
    app = web.Application(middlewares=[checking])
    app.router.add_routes(routes(desk))
    async with TestClient(TestServer(app)) as client:
        answer = await (await client.post(SINGLE, json=request())).json()
    assert answer["data"]["score"] == 0.25
