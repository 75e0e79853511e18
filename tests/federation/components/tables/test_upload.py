from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from federation.channel.memory import run_together
from federation.components.component import JobFacts, Result
from federation.components.tables.upload import UploadParams, upload, upload_of
from federation.errors import BadRequest, InvalidParameters, RaggedRows, TableExists, Unavailable
from federation.spec.party import LOCAL, Party
from party_agent.tables import TableStore, UploadingStore

ME = Party(LOCAL, "0")
CONF = {"file": "rows.csv", "namespace": "n", "table_name": "t", "head": 1, "partition": 16}


async def run(root: Path, content: bytes, report: Any, **conf: Any) -> Result:
    (root / "rows.csv").write_bytes(content)
    given = UploadParams.parse({**CONF, "file": str(root / "rows.csv"), **conf})
    store = UploadingStore(TableStore(root / "tables"), root / "spool")
    facts = JobFacts("j", "j_upload_0", 0, "upload_0", ME, 0, {LOCAL: ("0",)}, store=store)
    together = await run_together({ME: lambda ch: upload.run(ch, given, {}, report, facts)}, ())
    return together.results[ME]  # type: ignore[no-any-return]


async def test_an_uploads_output_is_the_stored_table(tmp_path: Path, recorder: Any) -> None:
    result = await run(tmp_path, b"id,x\n1,2\n3,4\n", recorder)
    (table,) = result.data
    stored = TableStore(tmp_path / "tables").stored(table.name)
    assert table == replace(stored, new=True)
    assert (table.rows, table.partitions, table.schema.header) == (2, 16, ["id", "x"])


async def test_the_metric_tells_rows_duplicates_and_blanks(tmp_path: Path, recorder: Any) -> None:
    await run(tmp_path, b"id,x\n1,2\n1,4\n,5\n", recorder)
    key = ("upload", "data_access")
    assert recorder.types[key] == "UPLOAD"
    assert recorder.metrics[key] == [("count", 3)]
    assert recorder.meta[key] == {"name": "upload", "duplicate_ids": 1, "blank_ids": 1}
    assert recorder.lines[-1][1]["duplicate_ids"] == 1


@pytest.mark.parametrize(("drop", "replaces"), [(1, True), (True, True), (0, False), (2, False)])
async def test_only_drop_1_replaces_a_table(
    tmp_path: Path, recorder: Any, drop: Any, replaces: bool
) -> None:
    await run(tmp_path, b"id,x\n1,2\n", recorder)
    if replaces:
        result = await run(tmp_path, b"id,x\n1,2\n3,4\n", recorder, drop=drop)
        assert result.data[0].rows == 2
    else:
        with pytest.raises(TableExists, match=r"^The data table already exists.*--drop"):
            await run(tmp_path, b"id,x\n1,2\n", recorder, drop=drop)


async def test_a_bad_file_leaves_no_table(tmp_path: Path, recorder: Any) -> None:
    with pytest.raises(RaggedRows):
        await run(tmp_path, b"id,x\n1\n", recorder)
    assert TableStore(tmp_path / "tables").list() == []


async def test_a_party_without_a_store_says_so(recorder: Any) -> None:
    given = UploadParams.parse(CONF)
    facts = JobFacts("j", "j_upload_0", 0, "upload_0", ME, 0, {LOCAL: ("0",)})
    with pytest.raises(Unavailable, match="no table store"):
        await run_together({ME: lambda ch: upload.run(ch, given, {}, recorder, facts)}, ())


@pytest.mark.parametrize("missing", ["namespace", "table_name"])
async def test_an_upload_without_a_name_is_refused(
    tmp_path: Path, recorder: Any, missing: str
) -> None:
    with pytest.raises(BadRequest, match="namespace and table_name"):
        await run(tmp_path, b"id,x\n1,2\n", recorder, **{missing: ""})


@pytest.mark.parametrize("partition", [0, 1024])
def test_partitions_outside_of_1_to_1023_are_refused(partition: int) -> None:
    with pytest.raises(InvalidParameters, match="partition"):
        UploadParams.parse({**CONF, "partition": partition})


@pytest.mark.parametrize(
    "meta",
    [
        {"delimiter": ";", "with_label": True, "label_name": "y"},
        '{"delimiter": ";", "with_label": true, "label_name": "y"}',
        "{'delimiter': ';', 'with_label': True, 'label_name': 'y'}",
    ],
)
def test_meta_is_read_as_object_as_json_and_as_python_prints_it(meta: Any) -> None:
    asked = upload_of(UploadParams.parse({**CONF, "with_meta": True, "meta": meta}))
    assert (asked.delimiter, asked.label) == (";", "y")


def test_meta_does_not_count_unless_it_is_asked_for() -> None:
    asked = upload_of(UploadParams.parse({**CONF, "meta": {"delimiter": ";"}}))
    assert (asked.delimiter, asked.meta) == (",", {})
