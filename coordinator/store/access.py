"""Who asks, and what they may: apps, privileges, and keys that parties were told to have."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from coordinator.domain.records import App, Privilege
from coordinator.store.schema import apps, privileges, public_keys
from coordinator.store.transaction import Transaction, insert_all, insert_for, upsert


class SqlAccess:
    """Apps, privileges and keys within one transaction."""

    def __init__(self, transaction: Transaction) -> None:
        self._tx = transaction

    async def add_app(self, app: App) -> None:
        """Keep a new app."""
        await insert_all(self._tx, apps, [asdict(app)])

    async def app(self, app_key: str) -> App | None:
        """The app of that key."""
        row = (await self._tx.run(sa.select(apps).where(apps.c.app_key == app_key))).first()
        return None if row is None else _app_of(row)

    async def apps(self) -> list[App]:
        """Every app, newest first."""
        query = sa.select(apps).order_by(apps.c.created_ms.desc(), apps.c.app_key)
        return [_app_of(row) for row in await self._tx.run(query)]

    async def drop_app(self, app_key: str) -> bool:
        """Forget an app; False if there was none."""
        return bool((await self._tx.run(sa.delete(apps).where(apps.c.app_key == app_key))).rowcount)

    async def grant(self, given: Sequence[Privilege]) -> None:
        """Keep privileges; those that are there stay."""
        if given:
            statement = insert_for(self._tx, privileges).on_conflict_do_nothing()
            await self._tx.run(statement, [asdict(each) for each in given])

    async def revoke(self, taken: Iterable[Privilege]) -> int:
        """Forget privileges; how many there were."""
        gone = 0
        for each in taken:
            named = [privileges.c[name] == value for name, value in asdict(each).items()]
            gone += (await self._tx.run(sa.delete(privileges).where(*named))).rowcount
        return gone

    async def privileges(self, party_id: str) -> list[Privilege]:
        """All privileges of a party, by kind and name."""
        query = sa.select(privileges).where(privileges.c.party_id == party_id)
        found = await self._tx.run(query.order_by(privileges.c.kind, privileges.c.name))
        return [Privilege(row.party_id, row.role, row.kind, row.name) for row in found]

    async def set_key(self, party_id: str, name: str, key: str) -> None:
        """Keep a key of a party, in place of one of that name."""
        values = {"party_id": party_id, "name": name, "key": key}
        await self._tx.run(upsert(self._tx, public_keys), values)

    async def keys(self, party_id: str) -> dict[str, str]:
        """Keys of a party by name."""
        query = sa.select(public_keys).where(public_keys.c.party_id == party_id)
        found = await self._tx.run(query.order_by(public_keys.c.name))
        return {row.name: row.key for row in found}

    async def drop_key(self, party_id: str, name: str) -> bool:
        """Forget a key; False if there was none."""
        named = (public_keys.c.party_id == party_id, public_keys.c.name == name)
        return bool((await self._tx.run(sa.delete(public_keys).where(*named))).rowcount)


def _app_of(row: sa.Row[Any]) -> App:
    return App(row.app_key, row.secret, row.party_id, row.created_ms)
