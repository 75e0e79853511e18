"""Join a coordinator with a one-time code, so that each knows the other's key from then on.

A code is eight characters that name the invite and a 128-bit secret, in base32. The secret does not
cross the wire; each side shows with an HMAC over the public keys that it knows it, so that whoever
stands between can exchange neither key:

    agent        HMAC-SHA256(secret, "tripact join agent" 0 public_key)
    coordinator  HMAC-SHA256(secret, "tripact join coordinator" 0 coordinator_key public_key
                             party_id)
"""

import base64
import binascii
import hmac
from dataclasses import dataclass
from typing import Any

import aiohttp

from federation.errors import BadRequest, BadSignature, PartyRefused, Unavailable
from federation.wire.identity import PUBLIC_KEY_BYTES, Identity
from party_agent.home import Joined

JOIN_ROUTE = "/agent/v1/join"
_CODE_ID_CHARS, _SECRET_CHARS, _SECRET_BYTES = 8, 26, 16
_AGENT = b"tripact join agent\0"
_COORDINATOR = b"tripact join coordinator\0"
_TIMEOUT_S = 20.0


@dataclass(frozen=True, slots=True)
class Code:
    """A one-time code, taken apart."""

    code_id: str
    secret: bytes

    @classmethod
    def parse(cls, text: str) -> "Code":
        """The code as somebody typed it; dashes, blanks and case do not matter.

        Raises:
            BadRequest: it can not be a code.
        """
        bare = "".join(text.upper().replace("-", " ").split())
        secret = bare[_CODE_ID_CHARS:]
        try:
            raw = base64.b32decode(secret + "=" * (-len(secret) % 8))
        except (binascii.Error, ValueError):
            raw = b""
        if len(secret) != _SECRET_CHARS or len(raw) != _SECRET_BYTES:
            raise BadRequest(
                "this is not a code: it has eight characters, a dash and 26 more in groups of four"
            )
        return cls(bare[:_CODE_ID_CHARS], raw)


async def join(url: str, code: Code, identity: Identity) -> Joined:
    """Show the coordinator at `url` that this agent has a code, and learn who it is.

    Raises:
        PartyRefused: it does not take the code.
        BadSignature: it does not know the code itself, so it is not the one that made it.
        Unavailable: nobody answers there, or not as a coordinator would.
    """
    proof = hmac.digest(code.secret, _AGENT + identity.public, "sha256").hex()
    asked = {
        "code_id": code.code_id,
        "public_key": base64.b64encode(identity.public).decode(),
        "proof": proof,
    }
    status, said = await _post(f"{url.rstrip('/')}{JOIN_ROUTE}", asked)
    if status != 200:
        raise _refusal(status, said)
    try:
        party_id, proof = str(said["party_id"]), str(said["proof"])
        key = base64.b64decode(said["coordinator_key"], validate=True)
    except (KeyError, TypeError, binascii.Error):
        raise Unavailable(f"{url} does not answer as a coordinator") from None
    message = _COORDINATOR + key + identity.public + party_id.encode()
    expected = hmac.digest(code.secret, message, "sha256").hex()
    if len(key) != PUBLIC_KEY_BYTES or not hmac.compare_digest(
        expected.encode(), proof.lower().encode()
    ):
        raise BadSignature("join")
    return Joined(url.rstrip("/"), party_id, key)


async def _post(url: str, asked: dict[str, Any]) -> tuple[int, Any]:
    timeout = aiohttp.ClientTimeout(total=_TIMEOUT_S)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.post(url, json=asked) as response,
        ):
            return response.status, await response.json(content_type=None)
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise Unavailable(f"no coordinator answers at {url} ({type(error).__name__})") from None


def _refusal(status: int, said: Any) -> PartyRefused:
    message = said.get("message") if isinstance(said, dict) else None
    return PartyRefused(str(message or f"the coordinator answered with status {status}"))
