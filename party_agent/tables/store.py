"""The tables of one party, a Parquet file each: `<root>/<namespace>/<name>.parquet`.

A table is written beside its place under a name nobody looks up, and moved there once it is whole:
a reader finds the old table, the new one, or none, whatever happens to the writer. So several
processes may share one folder, as the parties of one machine do. The schema, the names and the
number of partitions (kept for FATE's clients, there is always one file) stand in the Parquet
metadata; nothing else remembers them. Local: nothing here leaves the party.
"""

import json
import os
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq

from federation.components.store import StoredTable
from federation.errors import (
    BadTableName,
    DamagedTable,
    PartitionsOutOfRange,
    TableExists,
    TableNotFound,
)
from federation.spec.orders import TableName
from federation.tables import Schema, Table
from party_agent.names import file_name
from party_agent.tables.places import new_file, publish
from party_agent.tables.text import as_csv, as_rows, csv_head

MOST_PARTITIONS = 1023
_SUFFIX = ".parquet"
_METADATA = b"tripact table"
_STALE_S = 3600.0


class TableStore:
    """All tables below one folder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def info(self, namespace: str, name: str) -> StoredTable | None:
        """What is known of a table without reading its rows; None if there is none.

        Raises:
            DamagedTable: its file can not be read.
        """
        return _info(self._path(namespace, name), namespace, name)

    def stored(self, name: TableName) -> StoredTable:
        """The same, of a table that must be there.

        Raises:
            TableNotFound: there is none.
        """
        found = self.info(name.namespace, name.name)
        if found is None:
            raise TableNotFound(name.namespace, name.name)
        return found

    def open(self, namespace: str, name: str) -> Table:
        """A table with its rows.

        Raises:
            TableNotFound: there is none.
        """
        with self._reading(namespace, name) as file:
            stored = _stored(file, self._path(namespace, name))
            frame = file.read().replace_schema_metadata(None)
        return Table(stored.schema, frame)

    def write(
        self, namespace: str, name: str, table: Table, *, partitions: int = 1, drop: bool = False
    ) -> StoredTable:
        """Keep a table.

        Raises:
            TableExists: there is one of that name, and `drop` is not set.
        """
        with self.writer(namespace, name, table.schema, partitions=partitions, drop=drop) as writer:
            writer.append(table.frame)
        return self.stored(TableName(namespace=namespace, name=name))

    @contextmanager
    def writer(
        self,
        namespace: str,
        name: str,
        schema: Schema,
        *,
        partitions: int = 1,
        drop: bool = False,
    ) -> Iterator["TableWriter"]:
        """Write a table piece by piece; it is there once the block ends, and not if it raises.

        Args:
            drop: replace a table of that name, which stays until then.

        Raises:
            TableExists: there is one of that name, and `drop` is not set.
            PartitionsOutOfRange: FATE knows 1 to 1023.
        """
        if not 1 <= partitions <= MOST_PARTITIONS:
            raise PartitionsOutOfRange(partitions, MOST_PARTITIONS)
        path = self._path(namespace, name)
        if not drop and path.exists():
            raise TableExists(namespace, name)
        temporary, file = new_file(path)
        try:
            with file:
                writer = TableWriter(file, schema, _note(namespace, name, schema, partitions))
                with closing(writer):
                    yield writer
                file.flush()
                os.fsync(file.fileno())
            if not publish(temporary, path, replace=drop):
                raise TableExists(namespace, name)
        finally:
            temporary.unlink(missing_ok=True)

    def link(self, old: TableName, new: TableName) -> StoredTable:
        """Give a table another name beside its own; the rows are not copied.

        Dropping one of the names leaves the other.

        Raises:
            TableNotFound: there is no table `old`.
            TableExists: there is a table `new`.
        """
        source = self._path(old.namespace, old.name)
        target = self._path(new.namespace, new.name)
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            linked = publish(source, target, replace=False)
        except FileNotFoundError:
            raise TableNotFound(old.namespace, old.name) from None
        if not linked:
            raise TableExists(new.namespace, new.name)
        return self.stored(new)

    def describe(self, name: TableName, schema: Schema) -> StoredTable:
        """Give a table another schema over the same rows, which are written anew.

        Raises:
            TableNotFound: there is none.
        """
        old = self.stored(name)
        at = (name.namespace, name.name)
        with (
            self._reading(*at) as file,
            self.writer(*at, schema, partitions=old.partitions, drop=True) as writer,
        ):
            for batch in file.iter_batches():
                writer.append(batch.rename_columns(schema.header))
        return self.stored(name)

    def drop(self, namespace: str, name: str) -> bool:
        """Delete a table; whether there was one. Who is reading it reads on."""
        path = self._path(namespace, name)
        try:
            path.unlink()
        except FileNotFoundError:
            return False
        try:
            path.parent.rmdir()
        except OSError:
            return True  # other tables are in it
        return True

    def rows(
        self, namespace: str, name: str, offset: int = 0, limit: int = 100
    ) -> tuple[list[str], list[list[str]]]:
        """Header and rows as text, as `output/data` shows them.

        Args:
            limit: the most rows, -1 for all.

        Raises:
            TableNotFound: there is none.
        """
        with self._reading(namespace, name) as file:
            schema = _stored(file, self._path(namespace, name)).schema
            rows: list[list[str]] = []
            for batch in _window(file, offset, limit):
                rows += as_rows(batch, schema)
        return schema.header, rows

    def csv(
        self,
        namespace: str,
        name: str,
        limit: int = -1,
        head: bool = True,
        delimiter: str = ",",
    ) -> Iterator[bytes]:
        """The table as CSV, in pieces of some thousand rows.

        Raises:
            TableNotFound: there is none.
        """
        with self._reading(namespace, name) as file:
            schema = _stored(file, self._path(namespace, name)).schema
            if head:
                yield csv_head(schema, delimiter)
            for batch in _window(file, 0, limit):
                yield as_csv(batch, schema, delimiter)

    def sweep(self, older_than_s: float = _STALE_S) -> int:
        """Delete what writers that died left behind; how many files.

        A living writer's file changes all the time, so it is never that old.
        """
        before, swept = time.time() - older_than_s, 0
        for path in self._root.glob("*/.*.part"):
            try:
                if path.stat().st_mtime < before:
                    path.unlink()
                    swept += 1
            except FileNotFoundError:
                continue
        return swept

    def _path(self, namespace: str, name: str) -> Path:
        return self._root / _safe(namespace) / f"{_safe(name)}{_SUFFIX}"

    @contextmanager
    def _reading(self, namespace: str, name: str) -> Iterator[pq.ParquetFile]:
        path = self._path(namespace, name)
        try:
            with pq.ParquetFile(path) as file:
                yield file
        except FileNotFoundError:
            raise TableNotFound(namespace, name) from None
        except pa.ArrowException:
            raise DamagedTable(namespace, name) from None

    def list(self, namespace: str | None = None) -> list[StoredTable]:
        """All tables, or those of one namespace, by name; damaged ones are left out."""
        folder = "*" if namespace is None else _safe(namespace)
        found = []
        for path in self._root.glob(f"{folder}/[!.]*{_SUFFIX}"):
            try:
                stored = _info(path)
            except DamagedTable:
                continue
            found += [stored] if stored else []
        return sorted(found, key=lambda stored: (stored.name.namespace, stored.name.name))


class TableWriter:
    """Takes the rows of one new table.

    Attributes:
        rows: how many it has taken.
    """

    def __init__(self, file: IO[bytes], schema: Schema, note: dict[bytes, bytes]) -> None:
        self.rows = 0
        self._file = file
        self._schema = schema
        self._note = note
        self._parquet: pq.ParquetWriter | None = None

    def append(self, rows: pa.Table | pa.RecordBatch) -> None:
        """Take rows that have the columns of the schema.

        Raises:
            ValueError: they have others.
        """
        if rows.schema.names != self._schema.header:
            raise ValueError("the rows do not have the columns of the schema")
        parquet = self._parquet or self._open(rows.schema)
        if isinstance(rows, pa.Table):
            parquet.write_table(rows)
        else:
            parquet.write_batch(rows)
        self.rows += rows.num_rows

    def close(self) -> None:
        """Write what stands at the end of the file."""
        empty = pa.schema([(name, pa.string()) for name in self._schema.header])
        (self._parquet or self._open(empty)).close()

    def _open(self, arrow: pa.Schema) -> pq.ParquetWriter:
        # Texts of numbers differ from row to row: a dictionary of them costs time and room.
        self._parquet = pq.ParquetWriter(
            self._file,
            arrow.with_metadata(self._note),
            compression="zstd",
            use_dictionary=False,
        )
        return self._parquet


def _safe(name: str) -> str:
    try:
        return file_name(name)
    except UnicodeEncodeError:
        raise BadTableName("has a character that is none") from None
    except ValueError:
        raise BadTableName("is empty") from None


def _note(namespace: str, name: str, schema: Schema, partitions: int) -> dict[bytes, bytes]:
    """What the file says of itself."""
    note = {
        "namespace": namespace,
        "name": name,
        "partitions": partitions,
        "created_ms": time.time_ns() // 1_000_000,
        "schema": schema.to_json(),
    }
    return {_METADATA: json.dumps(note, ensure_ascii=False).encode()}


def _info(path: Path, namespace: str = "", name: str = "") -> StoredTable | None:
    try:
        with pq.ParquetFile(path) as file:
            return _stored(file, path, namespace, name)
    except FileNotFoundError:
        return None
    except (pa.ArrowException, KeyError, ValueError):
        raise DamagedTable(namespace, name) from None


def _stored(file: pq.ParquetFile, path: Path, namespace: str = "", name: str = "") -> StoredTable:
    """What the file says; its names are those of its path, the noted ones where that is cut."""
    note: dict[str, Any] = json.loads(file.metadata.metadata[_METADATA])
    return StoredTable(
        name=TableName(
            namespace=namespace or _name_of(path.parent.name) or note["namespace"],
            name=name or _name_of(path.name.removesuffix(_SUFFIX)) or note["name"],
        ),
        schema=Schema.from_json(note["schema"]),
        rows=file.metadata.num_rows,
        partitions=note["partitions"],
        size_bytes=path.stat().st_size,
        created_ms=note["created_ms"],
    )


def _name_of(encoded: str) -> str | None:
    """The name that has this file name; None where the name was too long for one."""
    name = unquote(encoded)
    return name if file_name(name) == encoded else None


def _window(file: pq.ParquetFile, offset: int, limit: int) -> Iterator[pa.RecordBatch]:
    """Rows `offset` to `offset + limit`, -1 meaning all; groups before them are not read."""
    groups = range(file.num_row_groups)
    skip, kept = max(offset, 0), list(groups)
    for group in groups:
        size = file.metadata.row_group(group).num_rows
        if skip < size:
            break
        skip -= size
        kept.pop(0)
    left = limit if limit >= 0 else file.metadata.num_rows
    size = 1 << 13
    for batch in file.iter_batches(min(size, max(left, 1)), kept) if kept and left else ():
        if skip >= batch.num_rows:
            skip -= batch.num_rows
            continue
        shown = batch.slice(skip, left)
        skip, left = 0, left - shown.num_rows
        yield shown
        if not left:
            return
