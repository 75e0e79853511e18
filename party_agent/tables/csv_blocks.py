"""Read a text file as columns of text, block by block; the file is never held whole.

With a header the file is CSV (RFC 4180 quotes; a value does not run over a line end). Without one a
line is an id, the delimiter, and one text: FATE keeps the rest of such a line in one piece, because
lines of tags differ in length. Problems are named by line, and never show what stands there.
"""

import codecs
import csv
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from federation.errors import (
    BadEncoding,
    BadHeader,
    DataProblem,
    EmptyFile,
    FileMissing,
    HeaderOnly,
    OpenQuote,
    RaggedRows,
    RowTooLong,
)

BLOCK_BYTES = 4 << 20
"""How much is read at a time, and so the longest line."""

_MOST_FLAWS = 1000
_BOM = codecs.BOM_UTF8
_NOT_IN_TEXT = "\x1f"
_LINE, _ID, _VALUE = "line", "id", "value"


class TextFile:
    """One file to read.

    Attributes:
        size_bytes: of the file.
        shown: how the file is called in messages.
    """

    def __init__(self, path: Path, delimiter: str, shown: str = "") -> None:
        """Look at the file.

        Raises:
            FileMissing: it is not there, no file, or may not be read.
            EmptyFile: it has no line but blank ones.
        """
        self._path = path
        self._delimiter = delimiter
        self.shown = shown or str(path)
        try:
            self.size_bytes = path.stat().st_size
            if not path.is_file():
                raise FileMissing(self.shown, "it is not a file")
            self._start, self._first, self._lines_before = _first_line(path)
        except OSError as error:
            raise FileMissing(self.shown, (error.strerror or "it can not").lower()) from None
        if not self._first:
            raise EmptyFile(self.shown)
        if len(self._first) > BLOCK_BYTES:
            raise RowTooLong(self.shown, BLOCK_BYTES)
        self._read: pa.OSFile | None = None

    @property
    def read_bytes(self) -> int:
        """How much of the file has been read."""
        return self.size_bytes if self._read is None or self._read.closed else self._read.tell()

    def header(self) -> list[str]:
        """Names in the first line that is not blank, trimmed.

        Raises:
            BadHeader: a column has no name, or the name of another one.
            BadEncoding: it is not UTF-8.
        """
        try:
            line = self._first.decode("utf-8")
        except UnicodeDecodeError:
            raise BadEncoding(self.shown, _first_bad_byte(self._path)) from None
        names = [name.strip() for name in next(csv.reader([line], delimiter=self._delimiter))]
        names[0] = names[0] or _ID
        blank = next((at for at, name in enumerate(names, 1) if not name), None)
        if blank is not None:
            raise BadHeader(self.shown, f"column {blank} has no name")
        twice = next((name for at, name in enumerate(names) if name in names[:at]), None)
        if twice is not None:
            raise BadHeader(self.shown, f"two columns are called {twice!r}")
        return names

    def rows(self, header: list[str]) -> Iterator[pa.RecordBatch]:
        """Rows below the header, every column text.

        Raises:
            RaggedRows, OpenQuote, RowTooLong, BadEncoding: as they say.
            HeaderOnly: there are none.
        """
        start, rows = self._start + len(self._first), 0
        if self._is_blank_from(start):
            raise HeaderOnly(self.shown)
        for batch in self._batches(header, start, self._delimiter):
            self._refuse_line_ends(batch, rows)
            rows += batch.num_rows
            yield batch

    def lines(self) -> Iterator[pa.Array]:
        """All lines but blank ones, as they are.

        Raises:
            RowTooLong, BadEncoding: as they say.
        """
        for batch in self._batches([_LINE], self._start, _NOT_IN_TEXT, quote_char=False):
            yield batch.column(0)

    def pairs(self) -> Iterator[pa.RecordBatch]:
        """All lines but blank ones, as `id` and `value`: what is before and after a delimiter."""
        for lines in self.lines():
            parts = pc.split_pattern(lines, pattern=self._delimiter, max_splits=1)
            alone = pc.equal(pc.list_value_length(parts), 1)
            padded = pc.if_else(
                alone, pc.binary_join_element_wise(lines, "", self._delimiter), lines
            )
            pair = pc.split_pattern(padded, pattern=self._delimiter, max_splits=1)
            yield pa.RecordBatch.from_arrays(
                [pc.list_element(pair, 0), pc.list_element(pair, 1)], [_ID, _VALUE]
            )

    def _batches(
        self, names: list[str], start: int, delimiter: str, *, quote_char: str | bool = '"'
    ) -> Iterator[pa.RecordBatch]:
        ragged: list[tuple[int, int, int]] = []

        def skip(row: pa_csv.InvalidRow) -> str:
            ragged.append((row.number, row.expected_columns, row.actual_columns))
            return "skip" if len(ragged) < _MOST_FLAWS else "error"

        read = pa_csv.ReadOptions(use_threads=False, block_size=BLOCK_BYTES, column_names=names)
        parse = pa_csv.ParseOptions(
            delimiter=delimiter, quote_char=quote_char, invalid_row_handler=skip
        )
        convert = pa_csv.ConvertOptions(
            strings_can_be_null=False, column_types=dict.fromkeys(names, pa.string())
        )
        with self._explaining(ragged, start), pa.OSFile(str(self._path)) as file:
            file.seek(start)
            self._read = file
            with pa_csv.open_csv(file, read, parse, convert) as blocks:
                yield from blocks

    @contextmanager
    def _explaining(self, ragged: list[tuple[int, int, int]], start: int) -> Iterator[None]:
        """Says by name, and without the words of the file, why it can not be read."""
        said = ""
        try:
            yield
        except pa.ArrowInvalid as error:
            said = str(error)
        if ragged:
            row, expected, found = ragged[0]
            raise RaggedRows(self.shown, self._line_of(start, row), expected, found, len(ragged))
        if "straddling" in said:
            raise RowTooLong(self.shown, BLOCK_BYTES)
        if "UTF8" in said:
            raise BadEncoding(self.shown, _first_bad_byte(self._path))
        if said:
            raise DataProblem(f"{self.shown} can not be read as lines of text", file=self.shown)

    def _refuse_line_ends(self, batch: pa.RecordBatch, rows_before: int) -> None:
        """A quote that is not closed takes the lines below it into its value."""
        for column in batch.columns:
            text = column.buffers()[2]
            if text is not None and re.search(b"\n", text):
                inside = pc.index(pc.match_substring(column, pattern="\n"), True).as_py()
                if inside >= 0:
                    start = self._start + len(self._first)
                    raise OpenQuote(self.shown, self._line_of(start, rows_before + inside + 1))

    def _line_of(self, start: int, row: int) -> int:
        """The line of the file in which the row of that number below `start` stands."""
        seen = 0
        line = self._lines_before + 1
        with self._path.open("rb") as file:
            file.seek(start)
            for text in file:
                line += 1
                seen += text not in (b"\n", b"\r\n")
                if seen == row:
                    break
        return line

    def _is_blank_from(self, start: int) -> bool:
        with self._path.open("rb") as file:
            file.seek(start)
            return not any(iter(lambda: file.read(1 << 16).strip(b"\r\n"), b""))


def _first_line(path: Path) -> tuple[int, bytes, int]:
    """Where the first line that is not blank starts, that line, and how many are before it."""
    with path.open("rb") as file:
        start = len(_BOM) if file.read(len(_BOM)) == _BOM else 0
        file.seek(start)
        for number in range(1 << 20):
            line = file.readline(BLOCK_BYTES + 1)
            if line.strip() or not line:
                return start, line, number
            start += len(line)
    return start, b"", 0


def _first_bad_byte(path: Path) -> int:
    """Where a file stops being UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    before = 0
    with path.open("rb") as file:
        while True:
            block = file.read(1 << 20)
            pending = len(decoder.getstate()[0])
            try:
                decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                return before - pending + error.start
            before += len(block)
            if not block:
                return before
