import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.errors import (
    BadTableName,
    DamagedTable,
    PartitionsOutOfRange,
    TableExists,
    TableNotFound,
)
from federation.spec.orders import TableName
from federation.tables import Schema, Table
from party_agent.tables import TableStore


def raw(rows: int = 3, column: str = "x0") -> Table:
    ids = [str(at) for at in range(rows)]
    frame = pa.table({"id": ids, column: [f"{at}.5" for at in range(rows)]})
    return Table(Schema("id", (column,), meta={"data_type": "float64"}), frame)


def files_of(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_a_table_comes_back_as_it_was_kept(tmp_path: Path) -> None:
    store = TableStore(tmp_path)
    store.write("breast", "guest", raw())
    again = TableStore(tmp_path).open("breast", "guest")
    assert again.schema == raw().schema
    assert again.frame.equals(raw().frame)


def test_numbers_come_back_as_the_same_bits(tmp_path: Path) -> None:
    features = np.array([[0.1, np.nan], [1e-300, -0.0]])
    table = Table.instances(["a", "b"], features, ["x0", "x1"], label=np.array([1.0, 0.0]))
    store = TableStore(tmp_path)
    store.write("n", "t", table)
    again = store.open("n", "t")
    np.testing.assert_array_equal(again.features, features)
    assert again.label is not None
    np.testing.assert_array_equal(again.label, [1.0, 0.0])


def test_a_table_without_rows_can_be_kept(tmp_path: Path) -> None:
    store = TableStore(tmp_path)
    store.write("n", "empty", raw(0))
    assert store.open("n", "empty").rows == 0
    assert store.rows("n", "empty") == (["id", "x0"], [])


def test_names_and_sizes_are_known_without_the_rows(tmp_path: Path) -> None:
    store = TableStore(tmp_path)
    store.write("breast", "guest", raw(5), partitions=16)
    info = store.info("breast", "guest")
    assert info is not None
    assert (info.rows, info.partitions, info.schema.header) == (5, 16, ["id", "x0"])
    assert info.size_bytes > 0
    assert info.created_ms > 0


def test_a_table_that_nobody_wrote_is_not_found(tmp_path: Path) -> None:
    store = TableStore(tmp_path)
    assert store.info("n", "t") is None
    assert not store.drop("n", "t")
    for ask in (store.open, store.rows):
        with pytest.raises(TableNotFound, match=r"n\.t does not exist"):
            ask("n", "t")
    with pytest.raises(TableNotFound):
        list(store.csv("n", "t"))
    with pytest.raises(TableNotFound):
        store.stored(TableName(namespace="n", name="t"))


def test_a_second_table_of_a_name_is_refused_and_says_how_to_replace(tmp_path: Path) -> None:
    store = TableStore(tmp_path)
    store.write("n", "t", raw(2))
    with pytest.raises(TableExists, match=r"^The data table already exists.*--drop"):
        store.write("n", "t", raw(9))
    assert store.open("n", "t").rows == 2
    store.write("n", "t", raw(9), drop=True)
    assert store.open("n", "t").rows == 9


def test_of_writers_of_one_name_at_the_same_time_one_succeeds(tmp_path: Path) -> None:
    store = TableStore(tmp_path)

    def write(rows: int) -> bool:
        try:
            store.write("n", "t", raw(rows))
        except TableExists:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        wrote = list(pool.map(write, range(1, 17)))
    assert wrote.count(True) == 1
    assert store.open("n", "t").rows == wrote.index(True) + 1
    assert len(files_of(tmp_path)) == 1


def test_a_writer_that_fails_leaves_the_old_table_and_no_file(tmp_path: Path) -> None:
    store = TableStore(tmp_path)
    store.write("n", "t", raw(2))
    with (
        pytest.raises(ZeroDivisionError),
        store.writer("n", "t", raw().schema, drop=True) as writer,
    ):
        writer.append(raw(9).frame)
        raise ZeroDivisionError
    assert store.open("n", "t").rows == 2
    assert files_of(tmp_path) == ["n/t.parquet"]


def test_a_reader_goes_on_while_the_table_is_replaced(tmp_path: Path) -> None:
    store = TableStore(tmp_path)
    store.write("n", "t", raw(20_000))
    pieces = store.csv("n", "t", head=False)
    first = next(pieces)
    store.write("n", "t", raw(1), drop=True)
    assert (first + b"".join(pieces)).count(b"\n") == 20_000


def test_columns_that_the_schema_does_not_have_are_refused(tmp_path: Path) -> None:
    store = TableStore(tmp_path)
    with (
        pytest.raises(ValueError, match="columns"),
        store.writer("n", "t", raw().schema) as writer,
    ):
        writer.append(raw(1, "other").frame)
    assert store.info("n", "t") is None


@settings(deadline=None, max_examples=60)
@given(st.text(st.characters(codec="utf-8"), min_size=1), st.text(min_size=1))
def test_no_name_reaches_out_of_the_folder(
    tmp_path_factory: pytest.TempPathFactory, namespace: str, name: str
) -> None:
    root = tmp_path_factory.mktemp("tables", numbered=True)
    store = TableStore(root)
    try:
        store.write(namespace, name, raw(1))
    except BadTableName:
        assert any("\ud800" <= letter <= "\udfff" for letter in namespace + name)
        return
    (path,) = [path for path in root.rglob("*") if path.is_file()]
    assert path.parent.parent == root
    (found,) = store.list()
    assert (found.name.namespace, found.name.name) == (namespace, name)


@pytest.mark.parametrize("name", ["../../etc/passwd", "..", ".", "/abs", "a/b", "x" * 5000, "C:\\"])
def test_names_that_try_to_be_paths_are_names(tmp_path: Path, name: str) -> None:
    store = TableStore(tmp_path / "tables")
    store.write(name, name, raw(1))
    assert store.open(name, name).rows == 1
    assert [path.name for path in tmp_path.iterdir()] == ["tables"]


def test_an_empty_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadTableName):
        TableStore(tmp_path).info("", "t")


@pytest.mark.parametrize("partitions", [0, 1024, -1])
def test_partitions_outside_of_what_fate_knows_are_refused(tmp_path: Path, partitions: int) -> None:
    with pytest.raises(PartitionsOutOfRange, match="from 1 to 1023"):
        TableStore(tmp_path).write("n", "t", raw(), partitions=partitions)


def test_a_dropped_table_is_gone_and_so_is_its_empty_folder(tmp_path: Path) -> None:
    store = TableStore(tmp_path)
    store.write("n", "t", raw())
    store.write("n", "u", raw())
    assert store.drop("n", "t")
    assert [table.name.name for table in store.list("n")] == ["u"]
    assert store.drop("n", "u")
    assert store.list() == []
    assert list(tmp_path.iterdir()) == []


def test_a_linked_table_has_its_own_name_and_outlives_the_first(tmp_path: Path) -> None:
    store = TableStore(tmp_path)
    first, second = TableName(namespace="n", name="t"), TableName(namespace="o/ut", name="%2E")
    store.write("n", "t", raw(4))
    assert store.link(first, second).name == second
    assert [table.name for table in store.list()] == [first, second]
    assert store.drop("n", "t")
    assert store.open("o/ut", "%2E").rows == 4
    with pytest.raises(TableNotFound):
        store.link(first, TableName(namespace="n", name="v"))


def test_a_link_does_not_take_the_place_of_a_table(tmp_path: Path) -> None:
    store = TableStore(tmp_path)
    store.write("n", "t", raw(4))
    store.write("n", "u", raw(2))
    with pytest.raises(TableExists):
        store.link(TableName(namespace="n", name="t"), TableName(namespace="n", name="u"))
    assert store.open("n", "u").rows == 2


def test_a_damaged_file_is_named_and_left_out_of_lists(tmp_path: Path) -> None:
    store = TableStore(tmp_path)
    store.write("n", "t", raw())
    store.write("n", "u", raw())
    (tmp_path / "n" / "t.parquet").write_bytes(b"PAR1 no more")
    with pytest.raises(DamagedTable, match=r"n\.t is damaged"):
        store.info("n", "t")
    with pytest.raises(DamagedTable):
        store.open("n", "t")
    assert [table.name.name for table in store.list()] == ["u"]


@pytest.mark.parametrize(("offset", "limit"), [(0, 3), (9_999, 2), (12_345, -1), (30_000, 5)])
def test_a_window_of_rows_is_the_same_whatever_the_groups_are(
    tmp_path: Path, offset: int, limit: int
) -> None:
    store = TableStore(tmp_path)
    with store.writer("n", "t", raw().schema) as writer:
        for at in range(0, 20_000, 5_000):
            writer.append(raw(20_000).frame.slice(at, 5_000))
    end = None if limit < 0 else offset + limit
    _, rows = store.rows("n", "t", offset, limit)
    assert [row[0] for row in rows] == [str(at) for at in range(20_000)][offset:end]


def test_whole_numbers_are_shown_without_a_point_and_gaps_as_nothing(tmp_path: Path) -> None:
    store = TableStore(tmp_path)
    frame = pa.table({"id": ["a", "b"], "y": [1.0, 0.25], "x": pa.array([None, 7.0])})
    store.write("n", "t", Table(Schema("id", ("y", "x")), frame))
    assert store.rows("n", "t")[1] == [["a", "1", ""], ["b", "0.25", "7"]]
    assert b"".join(store.csv("n", "t")) == b"id,y,x\na,1,\nb,0.25,7\n"


def test_a_predictions_detail_stands_in_double_quotes_as_fates_pipeline_reads_it(
    tmp_path: Path,
) -> None:
    store = TableStore(tmp_path)
    detail = "{'0': 0.93, '1': 0.07}"
    table = Table.predictions(
        ["7"],
        label=np.array([1.0]),
        result=np.array([0.0]),
        score=np.array([0.07]),
        detail=[detail],
        stage="train",
    )
    store.write("n", "t", table)
    assert store.rows("n", "t")[1] == [["7", "1", "0", "0.07", f'"{detail}"', "train"]]
    line = b"".join(store.csv("n", "t", head=False)).decode().rstrip("\n")
    header = ["id", "label", "predict_result", "predict_score", "predict_detail", "type"]
    cut = line.split(",")
    assert ",".join(cut[len(header) - 2 : -1])[1:-1] == detail


def test_a_csv_has_as_many_rows_as_were_asked_for(tmp_path: Path) -> None:
    store = TableStore(tmp_path)
    store.write("n", "t", raw(10))
    assert b"".join(store.csv("n", "t", limit=2)) == b"id,x0\n0,0.5\n1,1.5\n"
    assert b"".join(store.csv("n", "t", limit=0, head=False)) == b""


def test_only_what_dead_writers_left_is_swept(tmp_path: Path) -> None:
    store = TableStore(tmp_path)
    store.write("n", "t", raw())
    for name, age_s in (("old", 7200), ("new", 0)):
        part = tmp_path / "n" / f".{name}.part"
        part.write_bytes(b"half")
        now = part.stat().st_mtime
        os.utime(part, (now - age_s, now - age_s))
    assert store.sweep() == 1
    assert files_of(tmp_path) == ["n/.new.part", "n/t.parquet"]
    assert [table.name.name for table in store.list()] == ["t"]
