"""Make a table of a text file: ids, columns of text, and a count of ids that are not unique.

An id may be the first value of a row, or made from the line number (`auto_increasing_sid`), or from
a random word and the line number (`extend_sid`). Duplicates are counted by 64-bit hashes, eight
bytes a row: among n rows one is counted wrongly with a chance of about n**2 / 2**65.
Source: FATE-Flow 1.x upload.
"""

import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from federation.components.store import CsvUpload, Received, StoredTable
from federation.errors import BadHeader, BadRequest, FileMissing
from federation.spec.orders import TableName
from federation.tables import Schema, Table
from party_agent.tables.csv_blocks import TextFile
from party_agent.tables.id_hashes import Hashes, IdHashes
from party_agent.tables.store import TableStore

SPOOL = "spool:"
MADE_ID = "extend_sid"
_SPOOL_NAME = re.compile(r"[A-Za-z0-9_-]{1,128}")
_DELIMITER = re.compile(r"[\x01-\x09\x0b\x0c\x0e-\x21\x23-\x7f]")
_HEADLESS = "id", "value"


class UploadingStore:
    """What a running component may ask of the store: Reader's and Upload's side of it."""

    def __init__(self, tables: TableStore, spool: Path) -> None:
        """Use a store.

        Args:
            spool: where files that were streamed to this party wait, each named by its id.
        """
        self._tables = tables
        self._spool = spool

    def stored(self, name: TableName) -> StoredTable:
        """The table of that name, without its rows.

        Raises:
            TableNotFound: there is none.
        """
        return self._tables.stored(name)

    def open(self, name: TableName) -> Table:
        """The rows of a table that a task's job names for it.

        Raises:
            TableNotFound: there is none.
        """
        return self._tables.open(name.namespace, name.name)

    def receive(self, upload: CsvUpload, progress: Callable[[int, int], None]) -> Received:
        """Make a table of a text file, block by block.

        Raises:
            TableExists: there is one of that name, and `drop` is not set.
            BadRequest: the delimiter is not one character, or partitions are out of range.
            DataProblem: the file can not be read as a table; says what, and where.
        """
        if not _DELIMITER.fullmatch(upload.delimiter):
            raise BadRequest("id_delimiter is one ASCII character, and no quote or line end")
        text = TextFile(self._path(upload.file), upload.delimiter, _shown(upload.file))
        schema = _schema(upload, text)
        ids = _Ids()
        into = upload.into
        with self._tables.writer(
            into.namespace, into.name, schema, partitions=upload.partitions, drop=upload.drop
        ) as writer:
            for batch in _batches(upload, text, schema):
                ids.count(batch.column(0))
                writer.append(batch)
                progress(text.read_bytes, text.size_bytes)
        return Received(self.stored(into), ids.duplicates(), ids.blank)

    def _path(self, file: str) -> Path:
        if not file.startswith(SPOOL):
            return Path(file).expanduser()
        name = file.removeprefix(SPOOL)
        if not _SPOOL_NAME.fullmatch(name):
            raise FileMissing(file, "that is not the id of a streamed file")
        return self._spool / name


@dataclass(slots=True)
class _Ids:
    """Counts blank and repeated ids."""

    blank: int = 0
    _hashing: IdHashes = field(default_factory=IdHashes)
    _hashes: list[Hashes] = field(default_factory=list)

    def count(self, ids: pa.Array) -> None:
        """Take the ids of some more rows."""
        empty = pc.equal(ids, "")
        blank = int(pc.sum(empty).as_py() or 0)
        given = ids.filter(pc.invert(empty)) if blank else ids
        self.blank += blank
        self._hashes.append(self._hashing.of(given))

    def duplicates(self) -> int:
        """Rows that repeat the id of an earlier one; blank ids do not count."""
        hashes = np.concatenate(self._hashes) if self._hashes else np.empty(0, np.uint64)
        hashes.sort()
        return int(np.count_nonzero(hashes[1:] == hashes[:-1]))


def _shown(file: str) -> str:
    return "the uploaded file" if file.startswith(SPOOL) else file


def _schema(upload: CsvUpload, text: TextFile) -> Schema:
    header = text.header() if upload.head else list(_HEADLESS)
    if _makes_ids(upload):
        header = [MADE_ID, *(header if upload.head else header[1:])]
        if MADE_ID in header[1:]:
            raise BadHeader(text.shown, f"{MADE_ID!r} is the name of the ids that are made")
    columns = tuple(header[1:])
    return Schema(
        header[0],
        columns,
        label=upload.label if upload.label in columns else None,
        match_id=upload.match_id if upload.match_id in columns else None,
        headed=upload.head,
        meta=dict(upload.meta),
    )


def _makes_ids(upload: CsvUpload) -> bool:
    return upload.extend_sid or upload.auto_increasing_sid


def _batches(upload: CsvUpload, text: TextFile, schema: Schema) -> Iterator[pa.RecordBatch]:
    """Rows as the schema has them: ids without blanks around them, then all else as it is."""
    if _makes_ids(upload):
        yield from _numbered(upload, text, schema)
        return
    for batch in text.rows(schema.header) if upload.head else text.pairs():
        ids = pc.utf8_trim_whitespace(batch.column(0))
        yield pa.RecordBatch.from_arrays([ids, *batch.columns[1:]], schema.header)


def _numbered(upload: CsvUpload, text: TextFile, schema: Schema) -> Iterator[pa.RecordBatch]:
    word = "" if upload.auto_increasing_sid else uuid.uuid4().hex
    before = 0
    for columns in _columns(upload, text, schema):
        rows = len(columns[0])
        numbers = pc.cast(pa.array(np.arange(before, before + rows)), pa.string())
        ids = pc.binary_join_element_wise(pa.scalar(word), numbers, "")
        before += rows
        yield pa.RecordBatch.from_arrays([ids, *columns], schema.header)


def _columns(upload: CsvUpload, text: TextFile, schema: Schema) -> Iterator[list[pa.Array]]:
    if upload.head:
        yield from (batch.columns for batch in text.rows(list(schema.columns)))
    else:
        yield from ([lines] for lines in text.lines())
