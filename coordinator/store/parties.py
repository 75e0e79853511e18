"""Parties, invites, catalogues, and how far each party's reports were taken in."""

from collections.abc import Sequence
from dataclasses import asdict

import sqlalchemy as sa

from coordinator.domain.records import Invite, PartyRecord
from coordinator.store.fields import record_of
from coordinator.store.schema import catalogues, invites, parties
from coordinator.store.transaction import Transaction, insert_all, insert_for, upsert
from federation.spec.catalogue import ModuleDecl

_take_report = (
    sa.update(parties)
    .where(parties.c.party_id == sa.bindparam("this_party"))
    .where(parties.c.last_report < sa.bindparam("seq"))
    .values(last_report=sa.bindparam("seq"))
)


class SqlParties:
    """Parties within one transaction."""

    def __init__(self, transaction: Transaction) -> None:
        self._tx = transaction

    async def find(self, party_id: str) -> PartyRecord | None:
        """The party, if it joined."""
        found = await self._select(parties.c.party_id == party_id)
        return found[0] if found else None

    async def all(self) -> list[PartyRecord]:
        """Every party that joined."""
        return await self._select()

    async def _select(self, *conditions: sa.ColumnElement[bool]) -> list[PartyRecord]:
        query = sa.select(parties).where(*conditions).order_by(parties.c.party_id)
        return [
            PartyRecord(r.party_id, r.public_key, r.joined_ms, r.boot_id, r.catalogue_digest)
            for r in await self._tx.run(query)
        ]

    async def add(self, party: PartyRecord) -> None:
        """Keep a party; one that joins anew gets its new key and starts its reports at 0."""
        values = {
            "party_id": party.party_id,
            "public_key": party.public_key,
            "joined_ms": party.joined_ms,
            "boot_id": party.boot_id,
            "catalogue_digest": party.catalogue_digest,
            "last_report": 0,
        }
        await self._tx.run(upsert(self._tx, parties), values)

    async def set_boot(self, party_id: str, boot_id: str) -> str:
        """Keep the agent process now seen; the one seen before, "" for none."""
        is_party = parties.c.party_id == party_id
        old = (await self._tx.run(sa.select(parties.c.boot_id).where(is_party))).scalar()
        if old != boot_id:
            await self._tx.run(sa.update(parties).where(is_party).values(boot_id=boot_id))
        return old or ""

    async def last_report(self, party_id: str) -> int:
        """The highest report seq that was taken in, 0 for none."""
        query = sa.select(parties.c.last_report).where(parties.c.party_id == party_id)
        return (await self._tx.run(query)).scalar() or 0

    async def take_report(self, party_id: str, seq: int) -> bool:
        """Note a report as taken in; False if it (or a later one) was before."""
        result = await self._tx.run(_take_report, {"this_party": party_id, "seq": seq})
        return result.rowcount == 1

    async def add_invite(self, invite: Invite) -> None:
        """Keep an invite."""
        await insert_all(self._tx, invites, [asdict(invite)])

    async def invite(self, code_id: str) -> Invite | None:
        """The invite with that code id."""
        row = (await self._tx.run(sa.select(invites).where(invites.c.code_id == code_id))).first()
        return record_of(Invite, row) if row else None

    async def use_invite(self, used: Invite) -> bool:
        """Consume it by compare-and-set, wiping its secret; False if it was used before."""
        result = await self._tx.run(
            sa.update(invites)
            .where(invites.c.code_id == used.code_id, invites.c.used_ms.is_(None))
            .values(asdict(used) | {"secret": b""})
        )
        return result.rowcount == 1

    async def set_catalogue(self, digest: str, declarations: Sequence[ModuleDecl]) -> None:
        """Keep what agents of this digest can run."""
        values = {"digest": digest, "declarations": [d.to_json() for d in declarations]}
        statement = insert_for(self._tx, catalogues).on_conflict_do_nothing()
        await self._tx.run(statement, values)

    async def has_catalogue(self, digest: str) -> bool:
        """Whether the declarations of this digest are known."""
        query = sa.select(sa.func.count()).where(catalogues.c.digest == digest)
        return bool((await self._tx.run(query)).scalar())

    async def use_catalogue(self, party_id: str, digest: str) -> None:
        """Note which declarations a party's agent has."""
        await self._tx.run(
            sa.update(parties).where(parties.c.party_id == party_id).values(catalogue_digest=digest)
        )

    async def catalogues(self) -> dict[str, tuple[ModuleDecl, ...]]:
        """Declarations by party id."""
        known = {
            row.digest: tuple(map(ModuleDecl.from_json, row.declarations))
            for row in await self._tx.run(sa.select(catalogues))
        }
        return {
            party.party_id: known[party.catalogue_digest]
            for party in await self._select()
            if party.catalogue_digest in known
        }
