"""Rows of a stored table as text, as FATE's clients read them.

Whole numbers show no point, a missing value is empty. `predict_detail` of predictions is always in
double quotes, because clients of FATE cut the line at commas and take those quotes off; in CSV any
other text has quotes where it needs them. Columns become text as columns, never value by value.
"""

import re

import pyarrow as pa
import pyarrow.compute as pc

from federation.tables import Schema, TableKind

_DETAIL = "predict_detail"
_SPECIAL = '"\n\r'


def as_rows(batch: pa.RecordBatch, schema: Schema) -> list[list[str]]:
    """A list of texts for each row."""
    columns = [
        (_in_quotes(text) if _is_detail(name, schema) else text).to_pylist()
        for name, text in zip(schema.header, _texts(batch), strict=True)
    ]
    return [list(row) for row in zip(*columns, strict=True)]


def as_csv(batch: pa.RecordBatch, schema: Schema, delimiter: str = ",") -> bytes:
    """The rows as lines of CSV."""
    columns = [
        _in_quotes(text) if _is_detail(name, schema) else _where_needed(text, delimiter)
        for name, text in zip(schema.header, _texts(batch), strict=True)
    ]
    lines = pc.binary_join_element_wise(*columns, delimiter)
    # Each line with its end is one value, and values stand one behind the other in memory.
    ended = pc.binary_join_element_wise(lines, "", "\n")
    text = ended.buffers()[2]
    return b"" if text is None else text.to_pybytes()[: _size(ended)]


def csv_head(schema: Schema, delimiter: str = ",") -> bytes:
    """The first line of the CSV."""
    names = _where_needed(pa.array(schema.header, pa.string()), delimiter)
    return f"{delimiter.join(names.to_pylist())}\n".encode()


def _size(text: pa.Array) -> int:
    """Bytes of all values."""
    return int(pc.sum(pc.binary_length(text)).as_py() or 0)


def _is_detail(name: str, schema: Schema) -> bool:
    return name == _DETAIL and schema.kind is TableKind.PREDICTIONS


def _texts(batch: pa.RecordBatch) -> list[pa.Array]:
    return [pc.fill_null(pc.cast(column, pa.string()), "") for column in batch.columns]


def _where_needed(text: pa.Array, delimiter: str) -> pa.Array:
    special = pc.match_substring_regex(text, pattern=f"[{re.escape(delimiter)}{_SPECIAL}]")
    return pc.if_else(special, _in_quotes(text), text) if pc.any(special).as_py() else text


def _in_quotes(text: pa.Array) -> pa.Array:
    doubled = pc.replace_substring(text, pattern='"', replacement='""')
    return pc.binary_join_element_wise('"', doubled, '"', "")
