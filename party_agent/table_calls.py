"""Questions of the coordinator that change tables, or write them into files of this machine.

| method | answer |
|---|---|
| `copy_table` {namespace, name, to_namespace, to_name, drop} | {rows}: another name, same rows |
| `set_schema` {namespace, name, schema} | the schema, with the names and meaning that were given |
| `write_csv` {namespace, name, path, delimiter} | {rows, size_bytes}: a file below `download_to` |

The policy is asked as for an upload: a table here becomes another one. Files are written only where
the settings allow, and never over one that is there.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from federation.errors import BadRequest
from federation.spec.orders import TableName
from party_agent.policy import Ask, Rules, path_within
from party_agent.streams import Stream
from party_agent.tables import TableStore
from party_agent.tables.described import described

Answer = Callable[[dict[str, Any], Stream], Awaitable[Any]]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    namespace: str
    name: str


class _Copy(_Table):
    to_namespace: str
    to_name: str
    drop: bool = False


class _Schema(_Table):
    schema_: dict[str, Any] = Field(alias="schema")


class _Csv(_Table):
    path: str = Field(min_length=1)
    delimiter: str = Field(",", min_length=1, max_length=1)


@dataclass(frozen=True, slots=True)
class TableCalls:
    """Changes of this party's tables.

    Attributes:
        download_to: folders of this machine in which files may be written; None: any.
    """

    tables: TableStore
    rules: Rules
    download_to: tuple[Path, ...] | None

    def methods(self) -> Mapping[str, Answer]:
        """Each question with what answers it."""
        return {
            "copy_table": self._copy,
            "set_schema": self._describe,
            "write_csv": self._write,
        }

    async def _copy(self, args: dict[str, Any], _: Stream) -> Any:
        asked = _Copy.model_validate(args)
        self.rules.check(Ask("upload", tables=(f"{asked.to_namespace}/{asked.to_name}",)))
        source = TableName(namespace=asked.namespace, name=asked.name)
        target = TableName(namespace=asked.to_namespace, name=asked.to_name)
        self.tables.stored(source)
        if asked.drop and source != target:
            self.tables.drop(target.namespace, target.name)
        return {"rows": self.tables.link(source, target).rows}

    async def _describe(self, args: dict[str, Any], _: Stream) -> Any:
        asked = _Schema.model_validate(args)
        self.rules.check(Ask("upload", tables=(f"{asked.namespace}/{asked.name}",)))
        name = TableName(namespace=asked.namespace, name=asked.name)
        schema = described(self.tables.stored(name).schema, asked.schema_)
        await asyncio.to_thread(self.tables.describe, name, schema)
        return schema.to_json()

    async def _write(self, args: dict[str, Any], _: Stream) -> Any:
        asked = _Csv.model_validate(args)
        name = TableName(namespace=asked.namespace, name=asked.name)
        stored = self.tables.stored(name)
        path = path_within(
            asked.path, self.download_to, "writing", "download_to", "fetch table/download"
        )
        size = await asyncio.to_thread(self._write_file, path, asked)
        return {"rows": stored.rows, "size_bytes": size}

    def _write_file(self, path: Path, asked: _Csv) -> int:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            file = path.open("xb")
        except FileExistsError:
            raise BadRequest(f"there is a file {path} at the party already") from None
        try:
            with file:
                pieces = self.tables.csv(asked.namespace, asked.name, delimiter=asked.delimiter)
                return sum(file.write(piece) for piece in pieces)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
