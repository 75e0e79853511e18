"""Tables that the coordinator's users have copied, described and written into files here."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from federation.errors import BadRequest, PolicyRefused, TableExists, TableNotFound
from federation.spec.orders import TableName
from federation.tables import Schema, Table
from party_agent.policy import Rules
from party_agent.streams import Stream
from party_agent.table_calls import TableCalls
from party_agent.tables import TableStore

ROWS = pa.table({"id": ["1", "2"], "y": ["0", "1"], "x": ["a;b", 'c"d']})
SCHEMA = Schema("id", ("y", "x"), label="y", meta={"kept": 1})
NAME = {"namespace": "n", "name": "t"}


class Asked:
    """A party's answers to questions that change tables."""

    def __init__(self, root: Path, policy: str = 'default = "allow"') -> None:
        self.out = root / "out"
        self.tables = TableStore(root / "tables")
        self.tables.write("n", "t", Table(SCHEMA, ROWS), partitions=4)
        path = root / "policy.toml"
        path.write_text(policy)
        rules = Rules(path, root, standalone=False)
        self._methods = TableCalls(self.tables, rules, (self.out,)).methods()

    async def __call__(self, method: str, **args: Any) -> Any:
        stream = Stream("call", lambda _: None)
        return await self._methods[method]({**NAME, **args}, stream)


@pytest.fixture
def ask(tmp_path: Path) -> Asked:
    return Asked(tmp_path)


COPY = {"to_namespace": "m", "to_name": "copy"}


async def test_a_copy_has_the_same_rows_and_outlives_the_first(ask: Asked) -> None:
    assert await ask("copy_table", **COPY) == {"rows": 2}
    ask.tables.drop("n", "t")
    assert ask.tables.open("m", "copy").frame.equals(ROWS)


async def test_a_copy_replaces_a_table_only_where_drop_says_so(ask: Asked) -> None:
    await ask("copy_table", **COPY)
    with pytest.raises(TableExists):
        await ask("copy_table", **COPY)
    await ask("copy_table", **COPY, drop=True)
    with pytest.raises(TableExists):
        await ask("copy_table", to_namespace="n", to_name="t", drop=True)
    with pytest.raises(TableNotFound):
        await ask("copy_table", name="none", **COPY, drop=True)
    assert ask.tables.info("m", "copy") is not None


async def test_columns_get_other_names_and_keep_their_rows(ask: Asked) -> None:
    said = await ask("set_schema", schema={"header": "label,text", "sid": "key"})
    table = ask.tables.open("n", "t")
    assert table.schema.header == ["key", "label", "text"] == [said["id_name"], *said["columns"]]
    assert table.schema.label == "label"
    assert table.frame.column("text").to_pylist() == ["a;b", 'c"d']
    stored = ask.tables.stored(TableName(namespace="n", name="t"))
    assert (stored.rows, stored.partitions) == (2, 4)


async def test_a_label_is_named_and_what_was_said_is_kept(ask: Asked) -> None:
    await ask("set_schema", schema={"label_name": "x", "meta": {"said": 2}})
    schema = ask.tables.open("n", "t").schema
    assert schema.label == "x"
    assert schema.meta == {"kept": 1, "said": 2}


@pytest.mark.parametrize(
    "schema",
    [
        {"header": "only"},
        {"header": "a,a"},
        {"header": "id,a"},
        {"header": "a,"},
        {"header": 3},
        {"label_name": "none"},
    ],
)
async def test_a_schema_that_does_not_fit_changes_nothing(
    ask: Asked, schema: dict[str, Any]
) -> None:
    with pytest.raises(BadRequest):
        await ask("set_schema", schema=schema)
    assert ask.tables.open("n", "t").schema == SCHEMA


@pytest.mark.parametrize(
    ("delimiter", "written"),
    [
        (",", 'id,y,x\n1,0,a;b\n2,1,"c""d"\n'),
        (";", 'id;y;x\n1;0;"a;b"\n2;1;"c""d"\n'),
        ("]", 'id]y]x\n1]0]a;b\n2]1]"c""d"\n'),
    ],
)
async def test_a_table_is_written_with_the_delimiter_that_was_asked_for(
    ask: Asked, delimiter: str, written: str
) -> None:
    path = ask.out / "deep" / "t.csv"
    said = await ask("write_csv", path=str(path), delimiter=delimiter)
    assert path.read_text() == written
    assert said == {"rows": 2, "size_bytes": len(written)}


async def test_no_file_is_written_over(ask: Asked) -> None:
    ask.out.mkdir()
    (ask.out / "t.csv").write_text("mine")
    with pytest.raises(BadRequest, match="already"):
        await ask("write_csv", path=str(ask.out / "t.csv"))
    assert (ask.out / "t.csv").read_text() == "mine"


async def test_files_are_written_only_where_the_settings_say(ask: Asked, tmp_path: Path) -> None:
    ask.out.mkdir()
    (ask.out / "link").symlink_to(tmp_path)
    for path in (tmp_path / "t.csv", ask.out / ".." / "t.csv", ask.out / "link" / "t.csv"):
        with pytest.raises(PolicyRefused, match="download_to"):
            await ask("write_csv", path=str(path))


@pytest.mark.parametrize(
    ("method", "args", "grant"),
    [
        ("copy_table", COPY, "--what upload --table m/copy"),
        ("set_schema", {"schema": {}}, "--what upload --table n/t"),
    ],
)
async def test_a_change_is_a_question_to_the_policy(
    tmp_path: Path, method: str, args: dict[str, Any], grant: str
) -> None:
    ask = Asked(tmp_path, policy='default = "refuse"')
    with pytest.raises(PolicyRefused, match=f"party-agent grant {grant}"):
        await ask(method, **args)
