"""Upload: makes a table of the party's store from a text file, every value kept as text.

The first line names the columns (`head` 1) and the first column is the row id; the file is read
block by block and never held whole. Nothing is sent. Learns: whoever may read the job's metrics
learns how many rows there are, and how many ids are blank or repeated.
Exact. Source: FATE-Flow 1.x Upload.
"""

import json
import re
from dataclasses import replace
from typing import Any

from pydantic import Field, field_validator

from federation.channel import Channel
from federation.components.component import Component, JobFacts, Report, Result
from federation.components.params import Params
from federation.components.store import CsvUpload, Received
from federation.errors import BadRequest, Unavailable
from federation.spec.orders import TableName
from federation.spec.party import LOCAL

MOST_PARTITIONS = 1023


class UploadParams(Params):
    """FATE's upload fields; those of storage engines it had are accepted and have no effect."""

    LEGACY = dict.fromkeys(
        (
            *("work_mode", "backend", "use_local_data", "module", "destroy", "block_size"),
            *("storage_engine", "storage_address", "engine", "task_cores", "eggroll_run"),
            *("spark_run", "computing_engine", "party_id", "schema", "address"),
        ),
        "has no effect: rows are kept as Parquet files",
    )

    file: str = Field("", description="a path at the party, or `spool:<id>` of a streamed file")
    namespace: str = Field("", description="namespace of the new table")
    table_name: str = Field("", description="name of the new table")
    name: str = Field("", description="the same, as `table_name`")
    head: int = Field(1, ge=0, le=1, description="1: the first line names the columns")
    partition: int = Field(1, ge=1, le=MOST_PARTITIONS, description="kept for FATE's clients")
    id_delimiter: str = Field(",", min_length=1, max_length=1, description="between two values")
    drop: bool | int = Field(False, description="true or 1 replaces a table of that name")
    extend_sid: bool = Field(False, description="new ids; the first column stays a column")
    auto_increasing_sid: bool = Field(False, description="new ids: the line number")
    with_meta: bool = Field(False, description="`meta` says what the columns are")
    meta: dict[str, Any] | str = Field(
        default_factory=dict, description="FATE's upload meta: an object, or one as text"
    )

    @field_validator("drop")
    @classmethod
    def _only_one_drops(cls, value: bool | int) -> bool:
        """FATE's 1.5 client sends 2 where it means no."""
        return value == 1

    @field_validator("meta")
    @classmethod
    def _from_text(cls, value: dict[str, Any] | str) -> dict[str, Any]:
        return value if isinstance(value, dict) else _object_of(value)


def _object_of(text: str) -> dict[str, Any]:
    """The object that a text is: JSON, or as Python would print it."""
    printed = text.replace("'", '"')
    for word, meaning in (("True", "true"), ("False", "false"), ("None", "null")):
        printed = re.sub(rf"\b{word}\b", meaning, printed)
    for candidate in (text, printed):
        try:
            value = json.loads(candidate)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            return value
    raise ValueError("is not an object")


upload = Component("Upload", UploadParams, class_name="UploadParam", data_out=1)


@upload.on(LOCAL)
async def take_in(ch: Channel, p: UploadParams, *, report: Report, facts: JobFacts) -> Result:
    """The new table; how many rows it has as a metric."""
    if facts.store is None:
        raise Unavailable("this party has no table store")
    if not (p.file and p.namespace and (p.table_name or p.name)):
        raise BadRequest("an upload needs file, namespace and table_name")
    received = facts.store.receive(upload_of(p), report.progress)
    _tell(received, report)
    return Result(data=(replace(received.table, new=True),))


def upload_of(p: UploadParams) -> CsvUpload:
    """The upload that these parameters ask for."""
    meta = p.meta if p.with_meta and isinstance(p.meta, dict) else {}
    delimiter = meta.get("delimiter") or p.id_delimiter
    return CsvUpload(
        file=p.file,
        into=TableName(namespace=p.namespace, name=p.table_name or p.name),
        head=p.head == 1,
        delimiter=str(delimiter),
        extend_sid=p.extend_sid,
        auto_increasing_sid=p.auto_increasing_sid,
        partitions=p.partition,
        label=str(meta.get("label_name") or "y") if meta.get("with_label") else None,
        match_id=str(meta["match_id_name"]) if meta.get("match_id_name") else None,
        meta=meta,
        drop=bool(p.drop),
    )


def _tell(received: Received, report: Report) -> None:
    table = received.table
    report.metric(
        "upload",
        "data_access",
        "UPLOAD",
        [("count", table.rows)],
        name="upload",
        duplicate_ids=received.duplicate_ids,
        blank_ids=received.blank_ids,
    )
    report.log(
        "table is stored",
        table=f"{table.name.namespace}.{table.name.name}",
        rows=table.rows,
        duplicate_ids=received.duplicate_ids,
        blank_ids=received.blank_ids,
    )
