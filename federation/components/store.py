"""What a component may ask of its party's table store; only Reader, Upload and Serving do.

A party agent's store is the one implementation. It says names, sizes and schemas, and takes in
files; rows reach a component through its ports, but for those that Serving looks up by id.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from federation.spec.orders import TableName
from federation.tables import Schema, Table


@dataclass(frozen=True, slots=True)
class StoredTable:
    """A table of the store, by name; as an output it is handed on without reading its rows.

    Attributes:
        size_bytes: of the file that holds it.
        new: whether the component made it; as an output it then keeps its name.
    """

    name: TableName
    schema: Schema
    rows: int
    partitions: int = 1
    size_bytes: int = 0
    created_ms: int = 0
    new: bool = False


@dataclass(frozen=True, slots=True)
class CsvUpload:
    """A text file to be made a table.

    Attributes:
        file: a path on this party's machine, or `spool:<id>` for one that was streamed to it.
        head: whether the first line names the columns; without it a row is an id and one text.
        extend_sid: make new ids from a random word and the line number; all columns stay columns.
        auto_increasing_sid: make new ids from the line number alone.
        label, match_id: columns of that meaning, where the uploader said so.
        meta: what the uploader said about the rows, kept with them.
        drop: replace a table of that name.
    """

    file: str
    into: TableName
    head: bool = True
    delimiter: str = ","
    extend_sid: bool = False
    auto_increasing_sid: bool = False
    partitions: int = 1
    label: str | None = None
    match_id: str | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)
    drop: bool = False


@dataclass(frozen=True, slots=True)
class Received:
    """What became of an upload.

    Attributes:
        duplicate_ids: rows that repeat the id of an earlier one.
        blank_ids: rows whose id is empty.
    """

    table: StoredTable
    duplicate_ids: int = 0
    blank_ids: int = 0


class TableStore(Protocol):
    """The store, as a running component sees it."""

    def stored(self, name: TableName) -> StoredTable:
        """The table of that name, without its rows.

        Raises:
            TableNotFound: there is none.
        """

    def open(self, name: TableName) -> Table:
        """The rows of a table that the job names for this task (only Serving asks).

        Raises:
            TableNotFound: there is none.
        """

    def receive(self, upload: CsvUpload, progress: Callable[[int, int], None]) -> Received:
        """Make a table of a text file, block by block.

        Args:
            progress: told bytes read and bytes in all, now and then.

        Raises:
            TableExists: there is one of that name, and `drop` is not set.
            DataProblem: the file can not be read as a table.
        """
