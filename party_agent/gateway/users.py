"""Who may come through the gateway: users whom the owner of this machine has named.

Each has a secret. It is sent as `Authorization: Bearer SECRET`, or FATE's clients sign with it
(`flow init --app-key NAME --secret-key SECRET`), and then it is not sent at all. The secrets are
kept as they are, in a file that only the owner can read: a signature can not be checked otherwise.
"""

import hmac
import json
import secrets
from collections.abc import Mapping
from pathlib import Path

from aiohttp import web

from federation.errors import BadRequest, NotAuthenticated, NotFound, Unavailable
from federation.fateflow.signing import Clock, Signatures, stamp_of
from party_agent.home import write_atomically

FILE = "users.json"
SECRET_BYTES = 32
_BEARER = "Bearer "


class Users:
    """The users of one home; the file is read again when it has changed."""

    def __init__(self, home: Path) -> None:
        self._path = home / FILE
        self._seen: tuple[int, int] | None = None
        self._secrets: dict[str, str] = {}

    def add(self, name: str) -> str:
        """Name a user.

        Returns:
            The user's secret.

        Raises:
            BadRequest: there is one of that name, or it is no name.
        """
        if not name or not name.isascii() or not name.isprintable() or " " in name:
            raise BadRequest("the name of a user has ASCII letters, digits and signs, no blanks")
        known = self.secrets()
        if name in known:
            raise BadRequest(f"there is a user {name!r} already; drop it to give it a new secret")
        secret = secrets.token_urlsafe(SECRET_BYTES)
        self._write({**known, name: secret})
        return secret

    def drop(self, name: str) -> None:
        """Let a user come no more.

        Raises:
            NotFound: there is none of that name.
        """
        known = self.secrets()
        if name not in known:
            raise NotFound(f"there is no user {name!r}")
        self._write({each: secret for each, secret in known.items() if each != name})

    def secrets(self) -> Mapping[str, str]:
        """Secrets by name.

        Raises:
            Unavailable: the file is damaged.
        """
        try:
            status = self._path.stat()
            stamp = status.st_mtime_ns, status.st_size
            if stamp != self._seen:
                said = json.loads(self._path.read_text(encoding="utf-8"))
                self._secrets = {str(name): str(secret) for name, secret in said.items()}
                self._seen = stamp
        except FileNotFoundError:
            self._secrets, self._seen = {}, None
        except (ValueError, AttributeError):
            raise Unavailable(
                f"{self._path} is damaged; delete it and add the users anew"
            ) from None
        return self._secrets

    def _write(self, known: Mapping[str, str]) -> None:
        write_atomically(self._path, json.dumps(known, indent=1).encode() + b"\n")


class Doorkeeper:
    """Tells who asks."""

    def __init__(self, users: Users, clock: Clock) -> None:
        self._users = users
        self._signatures = Signatures(clock)

    async def who(self, request: web.Request) -> str:
        """The name of the user who asks.

        Raises:
            NotAuthenticated: nobody that this party knows.
        """
        known = self._users.secrets()
        stamp = stamp_of(request.headers)
        if stamp is not None:
            await self._signatures.check(request, stamp, known.get(stamp.app_key))
            return stamp.app_key
        given = request.headers.get("Authorization", "")
        if not given.startswith(_BEARER):
            raise NotAuthenticated(
                "this gateway serves its users (party-agent user add NAME makes one): send the"
                " secret as Authorization: Bearer, or sign (flow init --app-key NAME"
                " --secret-key SECRET)"
            )
        token = given.removeprefix(_BEARER).strip().encode()
        found = [
            name for name, secret in known.items() if hmac.compare_digest(secret.encode(), token)
        ]
        if not found:
            raise NotAuthenticated("no user of this party has that secret")
        return found[0]
