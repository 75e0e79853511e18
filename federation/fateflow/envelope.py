"""How FATE-Flow answers: `{retcode, retmsg, data}` with HTTP 200, also for most errors.

Facts: retcode 0 is success and several clients compare retmsg with the exact word `success`; `data`
is always there, even when empty; the job id of submit and upload is `jobId` beside it; an infinite
number is written -9999999.
"""

import json
import math
from collections.abc import Mapping
from enum import IntEnum
from typing import Any

from aiohttp import web

from federation.errors import (
    BadRequest,
    Conflict,
    InvalidInput,
    NotAuthenticated,
    NotFound,
    PartyRefused,
    TripactError,
    Unavailable,
)

SUCCESS = "success"
NOT_FINITE = -9999999


ANSWER = {
    "type": "object",
    "required": ["retcode", "retmsg", "data"],
    "properties": {
        "retcode": {"type": "integer", "description": "0 is success"},
        "retmsg": {"type": "string"},
        "jobId": {"type": "string"},
        "data": {},
        "meta": {"type": "object"},
    },
}
"""The envelope as JSON Schema."""


class Retcode(IntEnum):
    """FATE-Flow's codes."""

    SUCCESS = 0
    NOT_EFFECTIVE = 10
    EXCEPTION_ERROR = 100
    ARGUMENT_ERROR = 101
    DATA_ERROR = 102
    OPERATING_ERROR = 103
    FEDERATED_ERROR = 104
    CONNECTION_ERROR = 105
    RUNNING = 106
    PERMISSION_ERROR = 108
    AUTHENTICATION_ERROR = 109
    SERVER_ERROR = 500


def reply(
    data: Any = None,
    *,
    retmsg: str = SUCCESS,
    retcode: int = Retcode.SUCCESS,
    job_id: str | None = None,
    meta: Mapping[str, Any] | None = None,
) -> web.Response:
    """An answer in the envelope; `data` None becomes an empty object."""
    body: dict[str, Any] = {"retcode": int(retcode), "retmsg": retmsg}
    if job_id is not None:
        body["jobId"] = job_id
    body["data"] = {} if data is None else data
    if meta is not None:
        body["meta"] = dict(meta)
    return web.json_response(text=as_json(body))


def as_json(value: Any) -> str:
    """JSON text in which no number is infinite or NaN."""
    try:
        return json.dumps(value, allow_nan=False, ensure_ascii=False)
    except ValueError:
        return json.dumps(_finite(value), allow_nan=False, ensure_ascii=False)


def says_no(_: web.Request, error: Exception) -> web.Response:
    """An error in FATE-Flow's words: HTTP 200, a retcode, the sentence."""
    if not isinstance(error, TripactError):
        sentence = f"there was no answer ({type(error).__name__}); the log of the server says more"
        return reply(retcode=Retcode.EXCEPTION_ERROR, retmsg=sentence)
    job_id = error.facts.get("job_id")
    return reply(
        problems_of(error),
        retcode=retcode_of(error),
        retmsg=error.message,
        job_id=None if job_id is None else str(job_id),
    )


def retcode_of(error: TripactError) -> Retcode:
    """FATE-Flow's code for an error of ours."""
    if "retcode" in error.facts:
        return Retcode(int(str(error.facts["retcode"])))
    if isinstance(error, NotAuthenticated):
        return Retcode.AUTHENTICATION_ERROR
    if isinstance(error, PartyRefused):
        return Retcode.PERMISSION_ERROR
    if isinstance(error, Unavailable):
        return Retcode.FEDERATED_ERROR
    if isinstance(error, BadRequest | NotFound):
        return Retcode.ARGUMENT_ERROR
    if isinstance(error, Conflict):
        return Retcode.OPERATING_ERROR
    return Retcode.EXCEPTION_ERROR


def problems_of(error: TripactError) -> dict[str, Any]:
    """`{code, problems}` for programs."""
    if isinstance(error, InvalidInput):
        problems = [{"path": p.path, "message": p.message} for p in error.problems]
    else:
        problems = [{"path": "", "message": error.message}]
    return {"code": error.code, "problems": problems}


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else NOT_FINITE
    if isinstance(value, Mapping):
        return {str(key): _finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return value
