import io
import tarfile
from pathlib import Path

import pytest

from federation.spec.party import GUEST, Party
from party_agent.logs import LEVELS, SeatLog, archive, keep_fault, places_of

SEAT = Party(GUEST, "9999")


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """Logs of a job in which the toy told one line of each level."""
    log = SeatLog(tmp_path, "j1", SEAT, "secure_add_0")
    log.touch()
    for level in LEVELS:
        log.write(level, f"secure_add_guest says {level}", total=2000.0)
    log.close()
    return tmp_path


def text(logs: Path, *names: str) -> str:
    return logs.joinpath("j1", "guest", "9999", *names).read_text(encoding="utf-8")


def packed(logs: Path, role: str = "", job_id: str = "j1") -> dict[str, bytes]:
    into = io.BytesIO()
    archive(logs, job_id, role, into)
    into.seek(0)
    with tarfile.open(fileobj=into, mode="r:gz") as tar:
        found = {}
        for member in tar:
            file = tar.extractfile(member)
            assert file is not None
            found[member.name] = file.read()
        return found


def test_all_files_of_a_seat_are_there_before_anything_is_said(tmp_path: Path) -> None:
    SeatLog(tmp_path, "j1", SEAT, "c").touch()
    for folder in ((), ("c",)):
        for level in LEVELS:
            assert text(tmp_path, *folder, f"{level}.log") == ""


@pytest.mark.parametrize("folder", [(), ("secure_add_0",)])
def test_a_file_has_the_lines_of_its_level_and_above(logs: Path, folder: tuple[str, ...]) -> None:
    for at, level in enumerate(LEVELS):
        lines = text(logs, *folder, f"{level}.log").splitlines()
        assert [line.split("]")[0][1:] for line in lines] == list(LEVELS[at:])


def test_a_line_tells_component_message_and_facts(logs: Path) -> None:
    (line,) = text(logs, "ERROR.log").splitlines()
    assert line.endswith("[secure_add_0] - secure_add_guest says ERROR total=2000.0")


def test_a_fact_can_not_forge_a_line(tmp_path: Path) -> None:
    log = SeatLog(tmp_path, "j1", SEAT, "c")
    log.write("INFO", "column is read", name="x\n[ERROR]")
    log.close()
    assert text(tmp_path, "INFO.log").count("\n") == 1


def test_several_tasks_share_the_file_of_their_seat(tmp_path: Path) -> None:
    tasks = [SeatLog(tmp_path, "j1", SEAT, name) for name in ("a", "b")]
    for _ in range(2):
        for task in tasks:
            task.write("INFO", "goes on")
    for task in tasks:
        task.close()
    assert text(tmp_path, "INFO.log").count("goes on") == 4
    assert text(tmp_path, "a", "INFO.log").count("goes on") == 2


def test_an_archive_is_laid_out_as_fates_is(logs: Path) -> None:
    found = packed(logs, "guest")
    seats = ("guest/9999", "guest/9999/secure_add_0")
    assert set(found) == {f"{seat}/{level}.log" for seat in seats for level in LEVELS}
    assert b"secure_add_guest" in found["guest/9999/INFO.log"]


def test_an_archive_has_no_other_role_and_no_other_job(logs: Path) -> None:
    assert packed(logs, "host") == {}
    assert packed(logs, "guest", "j2") == {}
    assert packed(logs, "guest", "../j1") == {}


def test_what_an_unforeseen_error_says_stays_out_of_the_places(tmp_path: Path) -> None:
    try:
        int("a secret value")
    except ValueError as error:
        places, fault = places_of(error), keep_fault(tmp_path, "task/1", error)
    assert "a secret value" not in places
    assert "ValueError" in places
    assert "a secret value" in fault.read_text()
    assert fault.parent == tmp_path
    assert fault.stat().st_mode & 0o077 == 0
