"""What the gateway's routes look things up in, and what they all ask of a request."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from federation.errors import NotYourParty
from federation.fateflow import archive
from federation.fateflow.seats import party_of
from federation.spec.orders import TableName
from party_agent.audit import Audit
from party_agent.home import Home
from party_agent.journal import Journal
from party_agent.streams import in_thread
from party_agent.tables import TableStore

_THIS_PARTY = "0"
"""What FATE's clients call whoever they upload to."""


@dataclass(frozen=True, slots=True)
class Desk:
    """This party's own things.

    Attributes:
        upload_from: folders of this machine of whose files tables may be made; None: any.
    """

    party_id: str
    home: Home
    journal: Journal
    audit: Audit
    tables: TableStore
    upload_from: tuple[Path, ...] | None

    def check_party(self, body: Mapping[str, Any]) -> None:
        """Say no to what is asked of another party.

        Raises:
            NotYourParty: that one is named.
        """
        asked = party_of(body)
        if asked not in (None, self.party_id, _THIS_PARTY):
            raise NotYourParty(str(asked), self.party_id)

    async def table_entries(
        self, called: str, table: TableName, limit: int = -1, *, head: bool = True
    ) -> AsyncIterator[bytes]:
        """A table as tar entries `<called>.meta` and `<called>.csv`.

        Raises:
            TableNotFound: it is not here any more.
        """
        header = self.tables.stored(table).schema.header
        csv = partial(self.tables.csv, table.namespace, table.name, limit, head)
        async for block in archive.table_entries(called, header, lambda: in_thread(csv())):
            yield block
