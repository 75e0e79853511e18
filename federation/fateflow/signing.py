r"""FATE's signed requests: who asks, shown by an HMAC over what is asked.

    message = TIMESTAMP \n NONCE \n APP_KEY \n path?query \n body \n form
    SIGNATURE = base64(HMAC-SHA1(secret, message))

`body` is the JSON body as it was sent, `form` the fields sorted and percent-encoded; either is
empty where there is none, and the body of an upload (multipart) is not signed. TIMESTAMP is in
epoch milliseconds and may differ from our clock by a minute; a nonce is taken once in that time.
HMAC-SHA1 is what FATE's clients compute; the collisions known of SHA-1 do not break an HMAC.
Source: fate-client 1.11.3, flow_sdk/client/base.py.
"""

import base64
import hmac
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from aiohttp import web

from federation.errors import NotAuthenticated
from federation.fateflow.reading import keep_body

WINDOW_MS = 60_000
MOST_NONCES = 1_000_000
HEADERS = ("TIMESTAMP", "NONCE", "APP_KEY", "SIGNATURE")

Clock = Callable[[], int]
"""Now, in epoch milliseconds."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """What the headers of a signed request say."""

    timestamp: str
    nonce: str
    app_key: str
    signature: str


def stamp_of(headers: Mapping[str, str]) -> Stamp | None:
    """The stamp of a request; None if it bears none.

    Raises:
        NotAuthenticated: some of the headers are there, others are not.
    """
    given = [headers.get(name, "") for name in HEADERS]
    if not any(given):
        return None
    missing = [name for name, value in zip(HEADERS, given, strict=True) if not value]
    if missing:
        raise NotAuthenticated(f"a signed request has the headers {', '.join(missing)} too")
    return Stamp(*given)


def signature_of(
    secret: str,
    stamp: Stamp,
    path: str,
    body: bytes = b"",
    form: Mapping[str, str] | None = None,
) -> str:
    """The signature that a stamp should have.

    Args:
        path: path and query as on the wire.
        body: the JSON body as it was sent.
        form: fields of a url-encoded form.
    """
    fields = urlencode(sorted((form or {}).items()), quote_via=quote, safe="-._~")
    said = (stamp.timestamp, stamp.nonce, stamp.app_key, path)
    message = b"\n".join([*(part.encode() for part in said), body, fields.encode()])
    return base64.b64encode(hmac.digest(secret.encode(), message, "sha1")).decode()


class Signatures:
    """Checks signatures, and takes each nonce once.

    Nonces are held in memory: what was stamped before this process started is refused, so that a
    restart forgets nothing that could be sent again.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since_ms = clock()
        self._taken: OrderedDict[tuple[str, str], int] = OrderedDict()

    async def check(self, request: web.Request, stamp: Stamp, secret: str | None) -> None:
        """Say no to a request that its app did not sign, or that came before.

        Args:
            secret: of the app; None if there is no such app.

        Raises:
            NotAuthenticated: says why, and the same for an unknown app as for a wrong secret.
        """
        now_ms = self._clock()
        self._check_time(stamp, now_ms)
        multipart = request.content_type.startswith("multipart/")
        body = b"" if multipart else await keep_body(request)
        expected = signature_of(secret or "", stamp, request.raw_path, body)
        if not hmac.compare_digest(expected.encode(), stamp.signature.encode()) or secret is None:
            raise NotAuthenticated("no app signed this request: APP_KEY or SIGNATURE is wrong")
        self._take((stamp.app_key, stamp.nonce), now_ms)

    def _check_time(self, stamp: Stamp, now_ms: int) -> None:
        if not stamp.timestamp.isascii() or not stamp.timestamp.isdecimal():
            raise NotAuthenticated("TIMESTAMP is a number of milliseconds")
        stamped_ms = int(stamp.timestamp[:20])
        if abs(stamped_ms - now_ms) > WINDOW_MS:
            raise NotAuthenticated("TIMESTAMP is more than a minute away: set the clock, ask again")
        if stamped_ms < self._since_ms:
            raise NotAuthenticated("TIMESTAMP is from before this server started: ask again")

    def _take(self, nonce: tuple[str, str], now_ms: int) -> None:
        while self._taken and now_ms - next(iter(self._taken.values())) > 2 * WINDOW_MS:
            self._taken.popitem(last=False)
        if nonce in self._taken:
            raise NotAuthenticated("this NONCE was used before: every request has its own")
        if len(self._taken) >= MOST_NONCES:
            raise NotAuthenticated("too many signed requests in two minutes: ask again later")
        self._taken[nonce] = now_ms
