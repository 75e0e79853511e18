"""`POST /agent/v1/join`: a party's agent shows that it knows a code, and learns whom it joined.

The code itself does not cross the wire: each side proves with an HMAC over both public keys that it
knows it, see `coordinator.domain.parties`.
"""

import base64
import binascii
from collections.abc import Callable, Coroutine
from typing import Any

import structlog
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from coordinator.domain.parties import Parties
from coordinator.domain.records import JoinRequest
from federation.errors import (
    InviteExpired,
    InviteUnknown,
    InviteUsed,
    NotAJoin,
    TripactError,
)
from federation.wire.identity import PUBLIC_KEY_BYTES, fingerprint

log = structlog.get_logger(__name__)

LARGEST_BYTES = 4096


class JoinBody(BaseModel):
    """What an agent posts; `public_key` is base64, `proof` hex."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    code_id: str = Field(min_length=1, max_length=64)
    public_key: str = Field(min_length=1, max_length=64)
    proof: str = Field(min_length=1, max_length=128)


_STATUS: dict[type[TripactError], int] = {
    NotAJoin: 400,
    InviteUnknown: 403,
    InviteUsed: 403,
    InviteExpired: 410,
}


def join_handler(
    parties: Parties,
) -> Callable[[web.Request], Coroutine[Any, Any, web.StreamResponse]]:
    """The handler of the route."""

    async def join(request: web.Request) -> web.StreamResponse:
        try:
            wanted = await _read(request)
            answer = await parties.join(wanted)
        except TripactError as error:
            log.warning("join refused", code=error.code, remote=request.remote)
            return web.json_response(
                {"code": error.code, "message": error.message},
                status=_STATUS.get(type(error), 403),
            )
        log.info("party joined", party_id=answer.party_id, key=fingerprint(wanted.public_key))
        return web.json_response(
            {
                "party_id": answer.party_id,
                "coordinator_key": base64.b64encode(answer.coordinator_key).decode(),
                "proof": answer.proof,
            }
        )

    return join


async def _read(request: web.Request) -> JoinRequest:
    content = b""
    async for block in request.content.iter_any():
        content += block
        if len(content) > LARGEST_BYTES:
            raise NotAJoin
    try:
        body = JoinBody.model_validate_json(content)
        public_key = base64.b64decode(body.public_key, validate=True)
    except (ValidationError, binascii.Error):
        raise NotAJoin from None
    if len(public_key) != PUBLIC_KEY_BYTES:
        raise NotAJoin
    return JoinRequest(body.code_id, public_key, body.proof)
