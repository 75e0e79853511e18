"""`/v1/model/...`: deploy, and what can be asked of models."""

from typing import Any

from aiohttp import web

from coordinator.api.dialect import Route
from coordinator.api.fateflow.documents import document_of, document_or_file, http_no, names_of
from coordinator.api.fateflow.filters import seats_shown
from coordinator.api.fateflow.rows import date_of, roles_shown
from coordinator.api.keys import MODELS, SERVING, TRANSFERS
from coordinator.domain.deployment import Step, Trained
from coordinator.domain.records import OutputModel
from federation.errors import ModelNotDeployed, ModelNotFound
from federation.fateflow.envelope import Retcode, reply
from federation.fateflow.reading import WrongArgument, number_of, read_body, require, text_of
from federation.fateflow.seats import party_of, role_of
from federation.spec.ids import party_model_id
from federation.spec.party import Party, Role

HTTP_NO_SUCH_MODEL = 404
HTTP_NOTHING_TO_SEND = 210


async def deploy(request: web.Request) -> web.Response:
    """Make a version of a training that predicts."""
    body = await read_body(request)
    try:
        made = await request.app[MODELS].deploy(
            text_of(body, "model_id"),
            text_of(body, "model_version"),
            components=names_of(body, "cpn_list"),
            dsl=document_of(body, "predict_dsl") or document_of(body, "dsl"),
            steps=_steps_of(body),
        )
    except ModelNotFound as error:
        return http_no(HTTP_NO_SUCH_MODEL, error.message)
    train = made.train
    done = {
        role.value: dict.fromkeys(ids, int(Retcode.SUCCESS)) for role, ids in train.roles.items()
    }
    detail = {
        role.value: {
            party: {"retcode": 0, "retmsg": f"deploy model of role {role} {party} success"}
            for party in ids
        }
        for role, ids in train.roles.items()
    }
    return reply(
        {
            "model_id": train.model_id,
            "model_version": made.model_version,
            **{role.value: {} for role in (Role.GUEST, Role.HOST, Role.ARBITER)},
            **done,
            "detail": detail,
        }
    )


def _steps_of(body: dict[str, Any]) -> dict[str, Step]:
    """Which step of its training each component's model is to be of."""
    given = body.get("components_checkpoint") or {}
    if not isinstance(given, dict) or not all(isinstance(step, dict) for step in given.values()):
        raise WrongArgument("components_checkpoint is {component: {step_index or step_name}}")
    steps = {}
    for component, said in given.items():
        index = number_of(said, "step_index", -1)
        name = text_of(said, "step_name") if said.get("step_name") else None
        if index < 0 and name is None:
            raise WrongArgument(f"components_checkpoint.{component} names no step")
        steps[component] = Step(None if index < 0 else index, name)
    return steps


async def predict_dsl(request: web.Request) -> web.Response:
    """The DSL a version predicts with; as a file when a file name is given."""
    body = await read_body(request)
    models = request.app[MODELS]
    try:
        found = await models.predict_dsl(text_of(body, "model_id"), text_of(body, "model_version"))
    except (ModelNotFound, ModelNotDeployed) as error:
        return http_no(HTTP_NOTHING_TO_SEND, error.message)
    return document_or_file(body, found)


async def predict_conf(request: web.Request) -> web.Response:
    """A predict conf to fill in; as a file when a file name is given."""
    body = await read_body(request)
    models = request.app[MODELS]
    try:
        found = await models.predict_conf(text_of(body, "model_id"), text_of(body, "model_version"))
    except (ModelNotFound, ModelNotDeployed) as error:
        return http_no(HTTP_NOTHING_TO_SEND, error.message)
    return document_or_file(body, found)


async def query(request: web.Request) -> web.Response:
    """Versions of models, one row a seat."""
    body = await read_body(request)
    role, party = role_of(body), party_of(body)
    wanted = {
        name: text_of(body, name)
        for name in ("model_id", "model_version")
        if body.get(name) not in (None, "")
    }
    filters = names_of(body, "query_filters") or ()
    rows = []
    for model in await request.app[MODELS].find(**wanted):
        parts = await request.app[MODELS].parts(model)
        origins = {(o.role, o.party_id): o for o in await request.app[TRANSFERS].origins(model)}
        loaded = await request.app[SERVING].times_loaded(model.model_version)
        for seat in seats_shown(model.train, role, party):
            origin = origins.get((seat.role, seat.party_id))
            row = model_row(model, seat, parts) | {
                "f_loaded_times": loaded,
                "f_imported": int(origin is not None),
                "f_archive_sha256": origin.sha256 if origin else "",
            }
            kept = {name: row[name] for name in row if name.removeprefix("f_") in filters}
            rows.append(kept or row)
    if not rows:
        return reply([], retcode=Retcode.EXCEPTION_ERROR, retmsg="no model could be found")
    return reply(rows)


async def transfer(request: web.Request) -> web.Response:
    """What a seat's components learned; `name` is the version, `namespace` the seat's model id."""
    body = await read_body(request)
    require(body, "name", "namespace")
    role, _, rest = text_of(body, "namespace").partition("#")
    party_id, _, model_id = rest.partition("#")
    model = await request.app[MODELS].get(model_id, text_of(body, "name"))
    for seat in model.train.seats:
        if (seat.role.value, seat.party_id) == (role, party_id):
            return reply(await request.app[MODELS].content(model, seat))
    raise ModelNotFound(text_of(body, "namespace"), text_of(body, "name"))


def model_row(model: Trained, seat: Party, parts: list[OutputModel]) -> dict[str, Any]:
    """One version of a model as one seat has it."""
    train, deployed = model.train, model.deployed
    created_ms = deployed.created_ms if deployed else train.ended_ms
    mine = [part for part in parts if (part.role, part.party_id) == (seat.role, seat.party_id)]
    return {
        "f_model_id": train.model_id,
        "f_model_version": model.model_version,
        "f_party_model_id": party_model_id(seat, train.model_id),
        "f_role": seat.role.value,
        "f_party_id": seat.party_id,
        "f_roles": roles_shown(train.roles),
        "f_job_id": model.model_version,
        "f_parent": deployed is None,
        "f_parent_info": {}
        if deployed is None
        else {"parent_model_id": train.model_id, "parent_model_version": train.model_version},
        "f_train_dsl": dict(train.dsl),
        "f_train_runtime_conf": dict(train.conf),
        "f_runtime_conf": dict(train.conf),
        "f_runtime_conf_on_party": dict(train.conf),
        "f_inference_dsl": dict(deployed.dsl) if deployed else {},
        "f_initiator_role": train.initiator.role.value,
        "f_initiator_party_id": train.initiator.party_id,
        "f_size": sum(part.size_bytes for part in mine),
        "f_description": train.description,
        "f_create_time": created_ms,
        "f_create_date": date_of(created_ms),
    }


_MODEL = {"model_id*": "text", "model_version*": "text"}

ROUTES = (
    Route(
        "model/deploy",
        deploy,
        "Make a version of a training that predicts",
        {
            **_MODEL,
            "cpn_list": "list of names",
            "predict_dsl": "object, or its text",
            "dsl": "text of an object",
            "components_checkpoint": "{component: {step_index or step_name}}",
        },
    ),
    Route(
        "model/get/predict/dsl",
        predict_dsl,
        "The DSL a version predicts with",
        {**_MODEL, "filename": "text"},
    ),
    Route(
        "model/get/predict/conf",
        predict_conf,
        "A predict conf to fill in",
        {**_MODEL, "filename": "text"},
    ),
    Route(
        "model/transfer",
        transfer,
        "What a seat's components learned",
        {"name*": "model version", "namespace*": "<role>#<party id>#<model id>"},
    ),
    Route(
        "model/query",
        query,
        "Versions of models, one row a seat",
        {
            "model_id": "text",
            "model_version": "text",
            "role": "guest | host | arbiter | local",
            "party_id": "number or text",
            "query_filters": "list of names",
        },
    ),
)
