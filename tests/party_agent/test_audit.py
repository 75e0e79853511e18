import json
from pathlib import Path

import pytest

from federation.channel import LedgerRow
from party_agent.audit import Audit, verify


def letter(tag: str, job_id: str = "j1") -> LedgerRow:
    return LedgerRow(
        job_id,
        f"{job_id}_lr_0",
        0,
        "lr_0",
        "guest:9999",
        "host:10000",
        ("epoch", 3),
        tag,
        "ndarray",
        "float64[5]",
        140,
    )


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """The file of a job with five letters."""
    audit = Audit(tmp_path)
    for number in range(5):
        audit.note(letter(f"tag {number}"), inside=False)
    audit.close_all()
    return audit.path("j1")


def test_rows_come_back_in_order_with_the_time(written: Path) -> None:
    rows = Audit(written.parent).rows("j1")
    assert [row["tag"] for row in rows] == [f"tag {number}" for number in range(5)]
    assert rows[0]["scope"] == ["epoch", 3]
    assert all(row["time_ms"] > 0 and "hash" not in row for row in rows)


def test_every_line_is_json_without_blanks_and_ends_with_its_hash(written: Path) -> None:
    for line in written.read_text().splitlines():
        said = json.loads(line)
        assert json.dumps(said, separators=(",", ":")) == line
        assert list(said)[-2:] == ["previous", "hash"]


def test_a_row_is_in_the_file_when_the_note_returns(tmp_path: Path) -> None:
    audit = Audit(tmp_path)
    audit.note(letter("w"), inside=False)
    assert len(Audit(tmp_path).rows("j1")) == 1
    audit.close_all()


def test_letters_between_roles_of_one_party_did_not_leave_it(tmp_path: Path) -> None:
    audit = Audit(tmp_path)
    audit.note(letter("left"), inside=False)
    audit.note(letter("stayed"), inside=True)
    audit.close_all()
    assert [row["tag"] for row in audit.rows("j1")] == ["left"]
    assert verify(audit.path("j1")).rows == 2


def test_jobs_have_files_of_their_own(tmp_path: Path) -> None:
    audit = Audit(tmp_path)
    audit.note(letter("a", "../j"), inside=False)
    audit.note(letter("b", "j2"), inside=False)
    audit.close_all()
    assert [row["tag"] for row in audit.rows("../j")] == ["a"]
    assert [path.parent for path in tmp_path.rglob("*")] == [tmp_path] * 2
    assert audit.rows("j3") == []


def test_what_nobody_touched_holds(written: Path) -> None:
    verdict = verify(written)
    assert (verdict.rows, verdict.flaw) == (5, "")


def test_a_later_agent_goes_on_where_the_last_one_stopped(written: Path) -> None:
    audit = Audit(written.parent)
    audit.note(letter("tag 5"), inside=False)
    assert audit.close("j1") == (6, verify(written).head)
    assert verify(written).flaw == ""


@pytest.mark.parametrize("line", range(5))
def test_any_altered_line_is_found(written: Path, line: int) -> None:
    lines = written.read_text().splitlines()
    lines[line] = lines[line].replace('"bytes":140', '"bytes":139')
    written.write_text("\n".join(lines) + "\n")
    verdict = verify(written)
    assert (verdict.rows, verdict.flaw) == (line, f"line {line + 1} was altered")


@pytest.mark.parametrize("line", range(4))
def test_a_line_that_was_taken_out_is_found(written: Path, line: int) -> None:
    lines = written.read_text().splitlines()
    del lines[line]
    written.write_text("\n".join(lines) + "\n")
    assert verify(written).flaw == f"line {line + 1} does not follow the line before it"


def test_a_line_that_was_moved_is_found(written: Path) -> None:
    lines = written.read_text().splitlines()
    lines[1], lines[2] = lines[2], lines[1]
    written.write_text("\n".join(lines) + "\n")
    assert verify(written).rows == 1


def test_a_cut_end_is_found_where_the_length_was_noted(written: Path) -> None:
    whole = verify(written)
    lines = written.read_text().splitlines()
    written.write_text("\n".join(lines[:3]) + "\n")
    assert verify(written, (whole.rows, whole.head)).flaw == "2 lines are missing at the end"


def test_an_end_that_was_written_anew_is_found_where_its_hash_was_noted(tmp_path: Path) -> None:
    for folder, last in (("real", "secret"), ("forged", "harmless")):
        (tmp_path / folder).mkdir()
        audit = Audit(tmp_path / folder)
        for tag in ("first", last):
            audit.note(letter(tag), inside=False)
        audit.close_all()
    noted = verify(tmp_path / "real" / "j1.jsonl")
    forged = verify(tmp_path / "forged" / "j1.jsonl", (noted.rows, noted.head))
    assert forged.flaw != ""


def test_a_line_that_a_power_cut_tore_hides_no_other_row(written: Path) -> None:
    written.write_bytes(written.read_bytes()[:-40])
    audit = Audit(written.parent)
    audit.note(letter("after"), inside=False)
    audit.close_all()
    assert [row["tag"] for row in audit.rows("j1")] == [*(f"tag {n}" for n in range(4)), "after"]
    assert verify(written).flaw == "line 5 is not a line of an audit"


def test_no_line_holds_more_than_names_and_sizes(written: Path) -> None:
    said = json.loads(written.read_text().splitlines()[0])
    names = set(LedgerRow.__dataclass_fields__)
    assert set(said) == names | {"time_ms", "inside", "previous", "hash"}


def test_only_the_owner_of_the_machine_reads_the_file(written: Path) -> None:
    assert written.stat().st_mode & 0o077 == 0
