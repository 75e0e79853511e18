"""Requests that are signed: whose users ask is checked first, and known while they are answered."""

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from coordinator.domain.access import ASKER, Apps
from federation.errors import NotAuthenticated, TripactError
from federation.fateflow.envelope import says_no
from federation.fateflow.signing import Clock, Signatures, stamp_of

PREFIX = "/v1/"


def signing(apps: Apps, clock: Clock, *, required: bool) -> Middleware:
    """What checks the signatures of FATE-Flow's requests.

    Args:
        required: refuse whoever does not sign; otherwise they are nobody in particular.
    """
    signatures = Signatures(clock)

    async def asker_of(request: web.Request) -> str | None:
        stamp = stamp_of(request.headers)
        if stamp is None:
            if required:
                raise NotAuthenticated(
                    "this coordinator answers signed requests: flow init --app-key KEY "
                    "--secret-key SECRET, with what coordinator app add --party ID has printed"
                )
            return None
        app = await apps.find(stamp.app_key)
        await signatures.check(request, stamp, app.secret if app else None)
        return app.party_id if app else None

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not request.path.startswith(PREFIX):
            return await handler(request)
        try:
            asker = await asker_of(request)
        except TripactError as error:
            return says_no(request, error)
        token = ASKER.set(asker)
        try:
            return await handler(request)
        finally:
            ASKER.reset(token)

    return check
