"""Rows that name their features: svmlight (`1 0:0.5 7:2`) and tags (`red,tall` or `age:3,b:1`).

In a row the match id and the label stand first, if there are any. svmlight's features are x0 ...
x<greatest index of the fit>; tags' are the tags of the fit in ascending order, 1 where a row has
the tag, or the number behind it (tag_with_value). What a row does not name is 0, and what the fit
did not see is left out. The rows become dense columns, whatever output_format says.

Local. Learns: nobody anything; the model shows a party's own tags. Source: FATE 1.x DataTransform.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from federation.components.features.dense import Columns, typed
from federation.components.features.instances import Learned
from federation.components.features.params import DataIOParams, DataTransformParams
from federation.errors import DataProblem
from federation.tables import Schema, Table, TableKind
from federation.tables.table import Vector

MOST_FEATURES = 100_000
"""More columns than this are not made of one table."""

BLANK = " "


class MalformedItems(DataProblem):
    """Rows hold something else than what input_format says."""

    code = "malformed_items"

    def __init__(self, count: int, form: str) -> None:
        super().__init__(
            f"{count} items are not written as {form}; check input_format, delimitor, with_label "
            "and tag_value_delimitor",
            count=count,
        )


@dataclass(frozen=True, slots=True)
class Items:
    """What n rows name, m items altogether.

    Attributes:
        heads: text of what stands first in each row, by name; n each.
        rows: shape (m,), the row of each item, ascending.
        keys: m texts, the feature of each item.
        values: shape (m,).
    """

    heads: Columns
    rows: npt.NDArray[np.int64]
    keys: pa.Array
    values: Vector


def learn_items(table: Table, p: DataIOParams) -> Learned:
    """The features the rows name.

    Raises:
        MalformedItems: rows are written in another way.
        DataProblem: they name nothing, or too much.
    """
    label = p.label_name if p.with_label else None
    match_id = _match_id(p)
    keys = pc.unique(_items(table, p, label, match_id).keys)
    sparse = p.input_format == "sparse"
    indexes = np.asarray(pc.cast(keys, pa.int64()).to_numpy()) if sparse else np.arange(len(keys))
    count = int(np.max(indexes, initial=-1)) + 1
    if not count:
        raise DataProblem("the rows name no features")
    if count > MOST_FEATURES:
        raise DataProblem(f"the rows name more than {MOST_FEATURES} features")
    names = [f"x{index}" for index in range(count)] if sparse else sorted(keys.to_pylist())
    taken = [name for name in (label, match_id, table.schema.id_name) if name in set(names)]
    if taken:
        raise DataProblem(
            f"a feature is called {taken[0]} as the id, the match id or the label is; set another "
            "label_name"
        )
    return Learned(tuple(names), label, match_id)


def make_item_instances(table: Table, p: DataIOParams, learned: Learned) -> Table:
    """The rows as instances with the features of the fit.

    Raises:
        MalformedItems: rows are written in another way.
        NotNumbers: labels are to be numbers and are none.
    """
    label = learned.label
    if label is not None and p.input_format == "sparse" and _starts_with_an_item(table, p):
        label = None
    items = _items(table, p, label, learned.match_id)
    columns = dict(items.heads)
    if label is not None:
        columns |= typed({label: columns[label]}, {label: p.label_type})
    keys = items.keys
    if p.input_format == "sparse":
        keys = pc.binary_join_element_wise("x", keys, "")
    places = pc.index_in(keys, value_set=pa.array(learned.features, pa.string()))
    known = np.asarray(pc.is_valid(places).to_numpy(zero_copy_only=False))
    matrix = np.zeros((len(learned.features), table.rows))
    matrix[np.asarray(pc.drop_null(places).to_numpy()), items.rows[known]] = items.values[known]
    columns |= {name: pa.array(matrix[place]) for place, name in enumerate(learned.features)}
    schema = Schema(
        table.schema.id_name,
        tuple(columns),
        TableKind.INSTANCES,
        label=label,
        match_id=learned.match_id,
        meta=table.schema.meta,
    )
    return Table(schema, pa.table({table.schema.id_name: table.ids.cast(pa.string()), **columns}))


def _match_id(p: DataIOParams) -> str | None:
    if not isinstance(p, DataTransformParams) or not p.with_match_id:
        return None
    return p.match_id_name or "match_id"


def _words(table: Table, p: DataIOParams) -> pa.ListArray:
    """The words of each row.

    Raises:
        DataProblem: the table has no column besides its id.
    """
    columns = [table.frame.column(name).cast(pa.string()) for name in table.schema.columns]
    if not columns:
        raise DataProblem("the table has no column besides its id")
    cut = p.delimitor or BLANK
    text = columns[0]
    if len(columns) > 1:
        text = pc.binary_join_element_wise(*columns, cut, null_handling="skip")
    text = pc.fill_null(pa.chunked_array(text).combine_chunks(), "")
    if p.input_format == "sparse":
        blank = pc.utf8_trim_whitespace(pc.replace_substring(text, cut, BLANK))
        return pc.utf8_split_whitespace(blank)
    return pc.split_pattern(text, pattern=cut)


def _starts_with_an_item(table: Table, p: DataIOParams) -> bool:
    """Whether no svmlight row has a label before its items."""
    words = _words(table, p)
    flat = pc.list_flatten(words)
    nth = _nth(words)
    first = flat.filter(pa.array(nth == (_match_id(p) is not None)))
    return len(first) > 0 and bool(pc.all(pc.match_substring(first, ":")).as_py())


def _nth(words: pa.ListArray) -> npt.NDArray[np.int64]:
    """The position of each word in its row."""
    counts = np.asarray(pc.list_value_length(words).to_numpy(zero_copy_only=False))
    starts = np.repeat(np.cumsum(counts) - counts, counts)
    return np.asarray(np.arange(int(counts.sum())) - starts, dtype=np.int64)


def _items(table: Table, p: DataIOParams, label: str | None, match_id: str | None) -> Items:
    words = _words(table, p)
    flat = pc.utf8_trim_whitespace(pc.list_flatten(words))
    rows = np.asarray(pc.list_parent_indices(words).to_numpy(), dtype=np.int64)
    nth = _nth(words)
    heads: Columns = {}
    for place, name in enumerate(name for name in (match_id, label) if name is not None):
        first = flat.filter(pa.array(nth == place))
        absent = table.rows - int(pc.sum(pc.not_equal(first, "")).as_py() or 0)
        if absent:
            raise MalformedItems(absent, f"rows with {name} before what they name")
        heads[name] = pa.chunked_array([first])
    kept = (nth >= len(heads)) & (np.asarray(pc.utf8_length(flat).to_numpy()) > 0)
    keys, values = _pairs(flat.filter(pa.array(kept)), p)
    return Items(heads, rows[kept], keys, values)


def _pairs(words: pa.Array, p: DataIOParams) -> tuple[pa.Array, Vector]:
    """The feature and the value of each item."""
    sparse = p.input_format == "sparse"
    if not sparse and not p.tag_with_value:
        return words, np.ones(len(words))
    between = ":" if sparse else p.tag_value_delimitor
    parts = pc.split_pattern(words, pattern=between, max_splits=1, reverse=not sparse)
    form = "index:value" if sparse else f"tag{between}value"
    broken = pc.not_equal(pc.list_value_length(parts), 2)
    if pc.any(broken).as_py():
        raise MalformedItems(int(pc.sum(broken).as_py()), form)
    keys = pc.utf8_trim_whitespace(pc.list_element(parts, 0))
    if sparse:
        odd = pc.invert(pc.match_substring_regex(keys, r"^\d{1,9}$"))
        if pc.any(odd).as_py():
            raise MalformedItems(int(pc.sum(odd).as_py()), form)
        keys = pc.cast(pc.cast(keys, pa.int64()), pa.string())
    try:
        values = pc.cast(pc.list_element(parts, 1), pa.float64())
    except pa.ArrowInvalid:
        raise MalformedItems(len(words), f"{form} with a number") from None
    return keys, np.asarray(values.to_numpy(), dtype=np.float64)
