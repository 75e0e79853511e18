"""A gateway on loopback over a home of its own; nobody coordinates anything."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from party_agent.addresses import Address
from party_agent.audit import Audit
from party_agent.gateway.desk import Desk
from party_agent.gateway.outputs import Outputs
from party_agent.gateway.server import Gateway, RouteFactory
from party_agent.gateway.stored import StoredTables
from party_agent.gateway.uploads import Uploads
from party_agent.gateway.users import Doorkeeper, Users
from party_agent.home import Home
from party_agent.journal import Journal, now_ms
from party_agent.tables import TableStore

PARTY = "9999"


class Door:
    """A gateway that serves, and a client of it."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.journal = Journal(home.database)
        self.users = Users(home.root)
        self.incoming = home.root / "incoming"
        self.incoming.mkdir()
        self.desk = Desk(
            party_id=PARTY,
            home=home,
            journal=self.journal,
            audit=Audit(home.audit),
            tables=TableStore(home.tables),
            upload_from=(self.incoming,),
        )
        self.url = ""
        self.secret = self.users.add("ann")
        self.client = aiohttp.ClientSession(headers={"Authorization": f"Bearer {self.secret}"})
        self._gateways: list[Gateway] = []

    async def serve(self, *more: RouteFactory, opened: bool = False) -> None:
        doorkeeper = None if opened else Doorkeeper(self.users, now_ms)
        desk = self.desk
        routes = (Uploads(desk).routes, Outputs(desk).routes, StoredTables(desk).routes, *more)
        gateway = Gateway(Address("127.0.0.1", 0), doorkeeper, routes)
        self.url = await gateway.start(self.home.root)
        self._gateways.append(gateway)

    async def ask(self, path: str, body: Any = None, **options: Any) -> dict[str, Any]:
        async with self.client.post(f"{self.url}/v1/{path}", json=body, **options) as answer:
            assert answer.status == 200
            said: dict[str, Any] = await answer.json()
            assert {"retcode", "retmsg", "data"} <= set(said)
            return said

    async def fetch(self, path: str, body: Any) -> tuple[int, bytes]:
        async with self.client.get(f"{self.url}/v1/{path}", json=body) as answer:
            return answer.status, await answer.read()

    async def upload(self, content: bytes, **params: Any) -> dict[str, Any]:
        asked = {"namespace": "n", "table_name": "t", "head": "1", "partition": "4", **params}
        form = aiohttp.FormData()
        form.add_field("file", content, filename="rows.csv")
        url = f"{self.url}/v1/data/upload"
        async with self.client.post(url, params=asked, data=form) as answer:
            said: dict[str, Any] = await answer.json()
            return said

    async def close(self) -> None:
        await self.client.close()
        for gateway in self._gateways:
            await gateway.stop()
        self.journal.close()


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    made = Door(Home(tmp_path / "home"))
    await made.serve()
    yield made
    await made.close()
