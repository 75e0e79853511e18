"""Checking FATE's signed requests, as `stamp.py` describes them."""

import hmac
from collections import OrderedDict
from collections.abc import Callable, Mapping

from aiohttp import web

from federation.errors import NotAuthenticated
from federation.fateflow.reading import form_fields, keep_body
from federation.fateflow.stamp import HEADERS, Stamp, signature_of

WINDOW_MS = 60_000
MOST_NONCES = 1_000_000

Clock = Callable[[], int]
"""Now, in epoch milliseconds."""


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
        fields = await form_fields(request) if multipart else {}
        body = b"" if multipart else await keep_body(request)
        expected = signature_of(secret or "", stamp, request.raw_path, body, fields)
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
