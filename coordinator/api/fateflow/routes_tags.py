"""`/v1/model/tag/...` and `/v1/model/model_tag/...`: words that people put on models."""

from typing import Any

from aiohttp import web

from coordinator.api.dialect import Route
from coordinator.api.keys import MODELS, TAGS
from coordinator.domain.records import Tag
from federation.errors import Conflict, NotFound
from federation.fateflow.envelope import Retcode, reply
from federation.fateflow.reading import flag_of, number_of, read_body, text_of


async def create(request: web.Request) -> web.Response:
    """Make a tag."""
    body = await read_body(request)
    name = text_of(body, "tag_name")
    try:
        await request.app[TAGS].add(name, _text(body, "tag_desc") or "")
    except Conflict as error:
        return _no(error.message)
    return reply(retmsg=f"tag {name} is created")


async def list_tags(request: web.Request) -> web.Response:
    """Tags, newest first."""
    limit = number_of(await read_body(request), "limit", 10)
    found = await request.app[TAGS].find()
    return reply({"tags": [_row(tag) for tag in (found[:limit] if limit > 0 else found)]})


async def retrieve(request: web.Request) -> web.Response:
    """A tag; with the models that have it, if asked for."""
    body = await read_body(request)
    try:
        tag = await request.app[TAGS].get(text_of(body, "tag_name"))
    except NotFound as error:
        return _no(error.message)
    if not flag_of(body, "with_model", default=False):
        return reply({"tags": [_row(tag)]})
    rows = []
    for model in await request.app[TAGS].models(tag.name):
        parts = await request.app[MODELS].parts(model)
        rows += [
            {
                "model_id": model.train.model_id,
                "model_version": model.model_version,
                "model_size": sum(
                    p.size_bytes for p in parts if (p.role, p.party_id) == (s.role, s.party_id)
                ),
                "role": s.role.value,
                "party_id": s.party_id,
            }
            for s in model.train.seats
        ]
    return reply({**_row(tag), "models": rows, "count": len(rows)})


async def update(request: web.Request) -> web.Response:
    """Give a tag another name or description."""
    body = await read_body(request)
    name = text_of(body, "tag_name")
    try:
        await request.app[TAGS].change(
            name, _text(body, "new_tag_name"), _text(body, "new_tag_desc")
        )
    except (NotFound, Conflict) as error:
        return _no(error.message)
    return reply(retmsg=f"tag {name} is changed")


async def destroy(request: web.Request) -> web.Response:
    """Forget a tag, at all models too."""
    name = text_of(await read_body(request), "tag_name")
    try:
        await request.app[TAGS].drop(name)
    except NotFound as error:
        return _no(error.message)
    return reply(retmsg=f"tag {name} is destroyed")


async def put(request: web.Request) -> web.Response:
    """Put a tag on a model."""
    body = await read_body(request)
    version, name = text_of(body, "job_id"), text_of(body, "tag_name")
    try:
        await request.app[TAGS].put(name, version)
    except (NotFound, Conflict) as error:
        return _no(error.message)
    return reply(retmsg=f"model {version} has tag {name}")


async def take(request: web.Request) -> web.Response:
    """Take a tag off a model."""
    body = await read_body(request)
    version, name = text_of(body, "job_id"), text_of(body, "tag_name")
    try:
        await request.app[TAGS].take(name, version)
    except NotFound as error:
        return _no(error.message)
    return reply(retmsg=f"model {version} no longer has tag {name}")


async def of_model(request: web.Request) -> web.Response:
    """Tags of a model."""
    version = text_of(await read_body(request), "job_id")
    try:
        found = await request.app[TAGS].of_model(version)
    except (NotFound, Conflict) as error:
        return _no(error.message)
    rows = [{"name": tag.name, "description": tag.description} for tag in found]
    return reply({"tags": rows, "count": len(rows)})


def _row(tag: Tag) -> dict[str, Any]:
    return {"name": tag.name, "description": tag.description, "model_count": tag.models}


def _text(body: dict[str, Any], name: str) -> str | None:
    return None if body.get(name) in (None, "") else text_of(body, name)


def _no(sentence: str) -> web.Response:
    """FATE has one code for whatever is wrong with tags."""
    return reply(retcode=Retcode.EXCEPTION_ERROR, retmsg=sentence)


_TAG = {"tag_name*": "text"}
_MODEL = {"job_id*": "text"}

ROUTES = (
    Route("model/tag/create", create, "Make a tag", {**_TAG, "tag_desc": "text"}),
    Route("model/tag/list", list_tags, "Tags, newest first", {"limit": "number"}),
    Route("model/tag/retrieve", retrieve, "A tag", {**_TAG, "with_model": "flag"}),
    Route(
        "model/tag/update",
        update,
        "Change a tag",
        {**_TAG, "new_tag_name": "text", "new_tag_desc": "text"},
    ),
    Route("model/tag/destroy", destroy, "Forget a tag", _TAG),
    Route("model/model_tag/create", put, "Put a tag on a model", {**_MODEL, **_TAG}),
    Route("model/model_tag/remove", take, "Take a tag off a model", {**_MODEL, **_TAG}),
    Route("model/model_tag/retrieve", of_model, "Tags of a model", _MODEL),
)
