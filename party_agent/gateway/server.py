"""The gateway's listener: who asks is told first, errors are said in FATE's envelope.

Routes come from factories, so that whatever an agent can do for its own users is mounted in one
place (`daemon.py`) and knows nothing of listening.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import structlog
from aiohttp import web

from federation.errors import NotFound, TripactError
from federation.fateflow.envelope import says_no
from party_agent.addresses import Address
from party_agent.gateway.users import Doorkeeper
from party_agent.home import write_atomically

log = structlog.get_logger(__name__)

RouteFactory = Callable[[], Iterable[web.RouteDef]]
"""Gives routes for the gateway to serve."""

ADDRESS_FILE = "gateway.json"
_STOP_S = 0.5
_LARGEST_REQUEST = 64 << 20


class UnknownRoute(NotFound):
    """Nothing is served at a path."""

    code = "unknown_route"


class Gateway:
    """Serves routes to this party's users."""

    def __init__(
        self, address: Address, doorkeeper: Doorkeeper | None, routes: Sequence[RouteFactory]
    ) -> None:
        """Gather the routes.

        Args:
            doorkeeper: tells who asks; None serves whoever comes.
        """
        self._address = address
        self._doorkeeper = doorkeeper
        app = web.Application(middlewares=[self._answering], client_max_size=_LARGEST_REQUEST)
        for factory in routes:
            app.router.add_routes(factory())
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=_STOP_S)
        self._announced: Path | None = None

    async def start(self, home: Path) -> str:
        """Listen; the URL, which `<home>/gateway.json` also tells.

        Raises:
            AddressTaken: somebody else listens there.
        """
        listener = self._address.bind()
        url = f"http://{Address(self._address.host, listener.getsockname()[1])}"
        await self._runner.setup()
        await web.SockSite(self._runner, listener).start()
        self._announced = home / ADDRESS_FILE
        write_atomically(self._announced, json.dumps({"url": url}).encode() + b"\n")
        log.info("gateway listens", url=url, open=self._doorkeeper is None)
        return url

    async def stop(self) -> None:
        """Listen no more."""
        if self._announced is not None:
            self._announced.unlink(missing_ok=True)
        await self._runner.cleanup()

    @web.middleware
    async def _answering(
        self, request: web.Request, handler: Callable[[web.Request], Any]
    ) -> web.StreamResponse:
        try:
            if self._doorkeeper is not None:
                user = await self._doorkeeper.who(request)
                log.info("gateway request", user=user, path=request.path)
            answer: web.StreamResponse = await handler(request)
            return answer
        except (web.HTTPNotFound, web.HTTPMethodNotAllowed):
            return says_no(request, UnknownRoute(f"nothing is served at {request.path}"))
        except web.HTTPException:
            raise
        except TripactError as error:
            return says_no(request, error)
        except Exception as error:
            log.exception("gateway request failed", path=request.path)
            return says_no(request, error)


def both(path: str, handler: Callable[[web.Request], Any]) -> Iterable[web.RouteDef]:
    """A route of FATE-Flow: POST and GET (which may carry a body), with or without a last slash."""
    for method in ("POST", "GET"):
        for tail in ("", "/"):
            yield web.route(method, f"/v1/{path}{tail}", handler)
