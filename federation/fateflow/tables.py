"""Tables and their rows in FATE-Flow's shapes. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SHOWN_ROWS = 100
"""How many rows `output/data` and `table/preview` show."""
NO_DATA = "no data"
NO_JOB = "No found job"
NO_TABLE = "no find table"


@dataclass(frozen=True, slots=True)
class Shown:
    """First rows of one output table.

    Attributes:
        total: rows in all.
    """

    output: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    total: int


def rows_shown(tables: Sequence[Shown]) -> tuple[list[Any], dict[str, Any]]:
    """`data` and `meta` of `output/data`."""
    meta = {
        "header": [list(table.header) for table in tables],
        "total": [table.total for table in tables],
        "names": [table.output for table in tables],
    }
    return [table.rows for table in tables], meta


def output_shown(output: str, namespace: str, name: str) -> dict[str, str]:
    """One output table, by name."""
    return {
        "table_name": name,
        "table_namespace": namespace,
        "namespace": namespace,
        "data_name": output,
    }


def table_shown(
    namespace: str,
    name: str,
    *,
    rows: int,
    partitions: int,
    schema: Mapping[str, Any],
    party_id: str,
    enable: bool = True,
) -> dict[str, Any]:
    """What `table_info` tells of a table."""
    return {
        "table_name": name,
        "namespace": namespace,
        "exist": 1,
        "count": rows,
        "partition": partitions,
        "schema": schema_shown(schema),
        "enable": enable,
        "origin": "upload",
        "extend_sid": bool((schema.get("meta") or {}).get("extend_sid", False)),
        "address": {"party_id": party_id},
    }


def no_table_shown(namespace: Any, name: Any) -> dict[str, Any]:
    """What `table_info` tells of a table nobody has: that is no error."""
    nothing = dict.fromkeys(("partition", "schema", "enable", "origin", "extend_sid", "address"))
    return {"table_name": name, "namespace": namespace, "exist": 0, "count": 0, **nothing}


def schema_shown(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A schema with FATE's two words for it: `sid` and `header`."""
    header = ",".join(schema.get("columns", ()))
    return {"sid": schema.get("id_name", ""), "header": header, **schema}
