from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from federation.channel.memory import run_together
from federation.components.component import JobFacts, Result
from federation.components.tables.reader import ReaderParams, reader
from federation.errors import BadRequest, TableNotFound, Unavailable
from federation.spec.orders import TableName
from federation.spec.party import ARBITER, GUEST, HOST, Party
from federation.tables import Schema, Table
from party_agent.tables import TableStore, UploadingStore

ME = Party(GUEST, "9999")
NAME = TableName(namespace="breast", name="guest")


@pytest.fixture
def store(tmp_path: Path) -> UploadingStore:
    """A store with one table of two rows."""
    tables = TableStore(tmp_path)
    frame = pa.table({"id": ["7", "8"], "y": ["1", "0"], "x0": ["secret", "2"]})
    tables.write("breast", "guest", Table(Schema("id", ("y", "x0")), frame), partitions=4)
    return UploadingStore(tables, tmp_path / "spool")


async def run(
    store: UploadingStore | None,
    report: Any,
    conf: dict[str, Any] | None = None,
    tables: Sequence[TableName] = (),
) -> Result:
    given = ReaderParams.parse(conf or {})
    facts = JobFacts(
        *("j", "j_reader_0", 0, "reader_0", ME, 0, {GUEST: ("9999",)}),
        tables=tuple(tables),
        store=store,
    )
    together = await run_together({ME: lambda ch: reader.run(ch, given, {}, report, facts)}, ())
    return together.results[ME]  # type: ignore[no-any-return]


async def test_the_output_is_the_stored_table_and_no_copy(
    store: UploadingStore, recorder: Any
) -> None:
    assert (await run(store, recorder, tables=[NAME])).data == (store.stored(NAME),)


async def test_a_table_that_only_the_parameters_name_is_not_read(
    store: UploadingStore, recorder: Any
) -> None:
    conf = {"table": {"namespace": "breast", "name": "guest"}}
    with pytest.raises(BadRequest, match="give `table` a namespace and a name"):
        await run(store, recorder, conf)


async def test_the_metric_tells_what_fate_tells_of_a_table(
    store: UploadingStore, recorder: Any
) -> None:
    await run(store, recorder, tables=[NAME])
    key = ("reader_namespace", "reader_name")
    assert (recorder.types[key], recorder.metrics[key]) == ("data_info", [])
    meta = recorder.meta[key]
    told = ("name", "table_name", "namespace", "partitions", "count")
    assert [meta[name] for name in told] == ["reader", "guest", "breast", 4, 2]
    assert list(meta["table_info"]) == ["id", "y", "x0"]
    assert meta["schema"]["columns"] == ["y", "x0"]
    assert meta["storage_engine"]


async def test_no_value_of_a_row_is_told(store: UploadingStore, recorder: Any) -> None:
    await run(store, recorder, tables=[NAME])
    assert "secret" not in str(recorder)


async def test_a_table_that_is_not_there_is_named(store: UploadingStore, recorder: Any) -> None:
    with pytest.raises(TableNotFound, match=r"breast\.host does not exist"):
        await run(store, recorder, tables=[TableName(namespace="breast", name="host")])


async def test_a_party_without_a_store_says_so(recorder: Any) -> None:
    with pytest.raises(Unavailable, match="no table store"):
        await run(None, recorder, tables=[NAME])


def test_only_parties_with_data_read() -> None:
    assert set(reader.roles) == {GUEST, HOST}
    assert ARBITER not in reader.roles
    assert reader.messages == ()
