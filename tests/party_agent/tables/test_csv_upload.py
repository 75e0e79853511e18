import tracemalloc
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from federation.components.store import CsvUpload, Received
from federation.errors import (
    BadEncoding,
    BadHeader,
    BadRequest,
    EmptyFile,
    FileMissing,
    HeaderOnly,
    OpenQuote,
    RaggedRows,
    RowTooLong,
    TableExists,
)
from federation.spec.orders import TableName
from party_agent.tables import TableStore, UploadingStore

INTO = TableName(namespace="n", name="t")


class Place:
    """A store, and a file to upload into it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.tables = TableStore(root / "tables")
        (root / "spool").mkdir(exist_ok=True)
        self.store = UploadingStore(self.tables, root / "spool")
        self.told: list[tuple[int, int]] = []

    def upload(self, content: bytes, **options: Any) -> Received:
        file = self.root / "rows.csv"
        file.write_bytes(content)
        return self.receive(str(file), **options)

    def receive(self, file: str, **options: Any) -> Received:
        return self.store.receive(
            CsvUpload(file, INTO, **options), lambda done, of: self.told.append((done, of))
        )

    def rows(self) -> list[list[str]]:
        return self.tables.rows("n", "t", 0, -1)[1]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_every_value_stays_the_text_it_was(place: Place) -> None:
    received = place.upload(b"id,y,x0\n007,1,-0.50\n8,NA,1e5\n9,,nan\n")
    assert place.rows() == [["007", "1", "-0.50"], ["8", "NA", "1e5"], ["9", "", "nan"]]
    assert (received.table.rows, received.table.schema.header) == (3, ["id", "y", "x0"])


def test_quotes_line_ends_and_a_byte_order_mark_are_not_part_of_values(place: Place) -> None:
    place.upload(b'\xef\xbb\xbf"id", x0\r\n"a,b","say ""so"""\r\n\r\n c ,d')
    assert place.tables.rows("n", "t")[0] == ["id", "x0"]
    assert place.rows() == [["a,b", 'say "so"'], ["c", "d"]]


def test_another_delimiter_leaves_commas_alone(place: Place) -> None:
    place.upload(b"id;a\n1;2,5\n", delimiter=";")
    assert place.rows() == [["1", "2,5"]]


def test_a_file_without_header_is_an_id_and_the_rest_of_each_line(place: Place) -> None:
    received = place.upload(b'1,a:2,b:3\n2,"c:4\n3\n', head=False)
    assert place.rows() == [["1", "a:2,b:3"], ["2", '"c:4'], ["3", ""]]
    assert not received.table.schema.headed


def test_line_numbers_can_be_the_ids(place: Place) -> None:
    place.upload(b"name,x\nann,1\nann,2\n", auto_increasing_sid=True)
    assert place.tables.rows("n", "t")[0] == ["extend_sid", "name", "x"]
    assert place.rows() == [["0", "ann", "1"], ["1", "ann", "2"]]


def test_made_ids_are_a_random_word_and_the_line_number(place: Place) -> None:
    place.upload(b"name,x\nann,1\nann,2\n", extend_sid=True)
    first = [row[0] for row in place.rows()]
    place.upload(b"name,x\nann,1\nann,2\n", extend_sid=True, drop=True)
    second = [row[0] for row in place.rows()]
    assert [name[32:] for name in first] == ["0", "1"]
    assert first[0][:32] == first[1][:32] != second[0][:32]


def test_the_whole_line_is_the_value_where_ids_are_made_without_header(place: Place) -> None:
    place.upload(b"1,a\n2,b\n", head=False, auto_increasing_sid=True)
    assert place.rows() == [["0", "1,a"], ["1", "2,b"]]


def test_label_and_match_id_are_kept_where_there_are_such_columns(place: Place) -> None:
    schema = place.upload(b"id,y,m\n1,0,k\n", label="y", match_id="no", meta={"k": 1}).table.schema
    assert (schema.label, schema.match_id, schema.meta) == ("y", None, {"k": 1})


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.sampled_from(["a", "b", "", " ", "ä", "longer id"]), min_size=1, max_size=30))
def test_repeated_and_blank_ids_are_counted(place: Place, ids: list[str]) -> None:
    received = place.upload(b"id,x\n" + "".join(f"{i},1\n" for i in ids).encode(), drop=True)
    given_ids = [one for one in ids if one.strip()]
    assert received.blank_ids == len(ids) - len(given_ids)
    assert received.duplicate_ids == sum(n - 1 for n in Counter(given_ids).values())


@pytest.mark.parametrize("content", [b"", b"\n\n\r\n", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("head", [True, False])
def test_a_file_without_lines_is_named_empty(place: Place, content: bytes, head: bool) -> None:
    with pytest.raises(EmptyFile):
        place.upload(content, head=head)


@pytest.mark.parametrize("content", [b"id,x", b"id,x\n", b"id,x\r\n\r\n\n"])
def test_a_header_without_rows_is_named(place: Place, content: bytes) -> None:
    with pytest.raises(HeaderOnly, match="head 0"):
        place.upload(content)


@pytest.mark.parametrize("content", [b"id,x,\n1,2,3\n", b"id,x,x\n1,2,3\n", b",\n1,2\n"])
def test_columns_without_names_of_their_own_are_refused(place: Place, content: bytes) -> None:
    with pytest.raises(BadHeader):
        place.upload(content)


def test_a_ragged_row_is_told_by_its_line_and_not_by_its_words(place: Place) -> None:
    with pytest.raises(RaggedRows) as caught:
        place.upload(b"\nid,x\n1,2\n\nsecret,3,4\n5\n")
    assert "line 5 of" in caught.value.message
    assert caught.value.facts["lines"] == 2
    assert "secret" not in str(caught.value.facts) + caught.value.message


def test_a_quote_that_is_not_closed_is_told_by_its_line(place: Place) -> None:
    with pytest.raises(OpenQuote, match="line 3"):
        place.upload(b'id,x\n1,2\n2,"3\n4,5\n')


@pytest.mark.parametrize("head", [True, False])
def test_the_first_byte_that_is_no_utf8_is_named(place: Place, head: bool) -> None:
    good = b"id,x\n" + "1,ä\n".encode() * 5
    with pytest.raises(BadEncoding, match=f"byte {len(good) + 3} "):
        place.upload(good + b"2,b\xff\n3,c\n", head=head)


def test_a_header_that_is_no_utf8_is_named(place: Place) -> None:
    with pytest.raises(BadEncoding, match="byte 1 "):
        place.upload(b"i\xffd,x\n1,2\n")


@pytest.mark.parametrize("head", [True, False])
def test_a_line_longer_than_a_block_is_refused(place: Place, head: bool) -> None:
    with pytest.raises(RowTooLong):
        place.upload(b"id,x\n1,2\n2," + b"z" * (9 << 20) + b"\n", head=head)


@pytest.mark.parametrize("file", ["", "no/such/file.csv", "."])
def test_a_file_that_is_not_there_is_named(place: Place, file: str) -> None:
    with pytest.raises(FileMissing):
        place.receive(str(place.root / file))


def test_a_streamed_file_is_found_by_its_id(place: Place) -> None:
    (place.root / "spool" / "u1").write_bytes(b"id,x\n1,2\n")
    assert place.receive("spool:u1").table.rows == 1


@pytest.mark.parametrize("name", ["../rows.csv", "", "a/b", ".."])
def test_the_id_of_a_streamed_file_is_no_path(place: Place, name: str) -> None:
    (place.root / "rows.csv").write_bytes(b"id,x\n1,2\n")
    with pytest.raises(FileMissing, match="not the id"):
        place.receive(f"spool:{name}")


@pytest.mark.parametrize("delimiter", ["", "ab", '"', "\n"])
def test_a_delimiter_is_one_character(place: Place, delimiter: str) -> None:
    with pytest.raises(BadRequest, match="id_delimiter"):
        place.upload(b"id,x\n1,2\n", delimiter=delimiter)


def test_a_table_stays_if_the_file_that_was_to_replace_it_is_bad(place: Place) -> None:
    place.upload(b"id,x\n1,2\n")
    with pytest.raises(TableExists, match=r"^The data table already exists.*--drop"):
        place.upload(b"id,x\n3,4\n")
    with pytest.raises(RaggedRows):
        place.upload(b"id,x\n3,4\n5\n", drop=True)
    assert place.rows() == [["1", "2"]]
    assert [path.name for path in (place.root / "tables" / "n").iterdir()] == ["t.parquet"]


def test_a_large_file_is_read_in_little_memory_and_tells_how_far_it_is(place: Place) -> None:
    line = b"1234567," + b"0.123456," * 30 + b"1\n"
    header = b"id," + b",".join(b"x%d" % at for at in range(31)) + b"\n"
    content = header + line * 80_000
    file = place.root / "large.csv"
    file.write_bytes(content)
    tracemalloc.start()
    received = place.receive(str(file))
    python_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert received.table.rows == 80_000
    assert received.duplicate_ids == 79_999
    assert python_bytes < len(content) / 2
    done = [one for one, _ in place.told]
    assert done == sorted(done)
    assert len(done) > 3
    assert {of for _, of in place.told} == {len(content)}
