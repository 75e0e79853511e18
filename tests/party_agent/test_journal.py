"""What an agent remembers: everything once, whatever comes twice and whenever it stops."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from party_agent.journal import AttemptKey, AttemptRow, Journal, MadeRow, Pin

KEY = AttemptKey("job_lr_0", 0, "guest")
ROW = AttemptRow(KEY, "job", "lr_0", 1)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal(tmp_path / "agent.db")
    yield opened
    opened.close()


def test_an_order_that_comes_twice_is_news_once(journal: Journal) -> None:
    assert journal.take_order("o1", b"a")
    assert not journal.take_order("o1", b"a")
    journal.order_done("o1")
    assert not journal.take_order("o1", b"a")


def test_orders_that_were_not_done_are_there_after_a_restart(tmp_path: Path) -> None:
    first = Journal(tmp_path / "agent.db")
    for name in ("o1", "o2", "o3"):
        first.take_order(name, name.encode())
    first.order_done("o2")
    first.close()
    assert Journal(tmp_path / "agent.db").open_orders() == [("o1", b"o1"), ("o3", b"o3")]


def test_report_numbers_grow_over_the_life_of_an_agent(tmp_path: Path) -> None:
    first = Journal(tmp_path / "agent.db")
    assert [first.add_report(b"a"), first.add_report(b"b")] == [1, 2]
    first.acknowledge(1)
    first.acknowledge(2)
    first.close()
    again = Journal(tmp_path / "agent.db")
    assert again.reports() == []
    assert again.add_report(b"c") == 3


def test_an_agent_that_lost_its_database_numbers_above_what_was_read(journal: Journal) -> None:
    journal.acknowledged_to(41)
    assert journal.add_report(b"a") == 42


def test_only_what_was_read_is_let_go(journal: Journal) -> None:
    for body in (b"a", b"b", b"c"):
        journal.add_report(body)
    journal.acknowledged_to(2)
    assert journal.reports() == [(3, b"c")]


def test_an_attempt_begins_once_and_ends_once(journal: Journal) -> None:
    assert journal.begin_attempt(ROW)
    assert not journal.begin_attempt(ROW)
    assert journal.end_attempt(KEY, b"first") == 1
    assert journal.end_attempt(KEY, b"second") is None
    assert journal.reports() == [(1, b"first")]
    assert not journal.begin_attempt(ROW)


def test_attempts_that_never_ended_are_found_after_a_restart(tmp_path: Path) -> None:
    first = Journal(tmp_path / "agent.db")
    first.begin_attempt(ROW)
    first.close()
    again = Journal(tmp_path / "agent.db")
    assert again.unended_attempts() == [ROW]
    again.end_attempt(KEY, b"")
    assert again.unended_attempts() == []


def test_old_orders_are_forgotten_only_when_done(journal: Journal) -> None:
    journal.take_order("done", b"")
    journal.take_order("open", b"body")
    journal.order_done("done")
    journal.forget_before(1 << 60)
    assert journal.open_orders() == [("open", b"body")]
    assert journal.take_order("done", b"")


def test_a_later_pin_takes_the_place_of_an_earlier_one(journal: Journal) -> None:
    journal.set_pin(Pin("10000", "aa", "first use"))
    journal.set_pin(Pin("10000", "bb", "owner"))
    assert journal.pins() == [Pin("10000", "bb", "owner")]
    assert journal.find_pin("9999") is None


@settings(max_examples=20, deadline=None)
@given(st.lists(st.sampled_from(["o1", "o2", "o3"]), max_size=12))
def test_each_order_has_effect_once_however_often_it_comes(ids: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        journal = Journal(Path(folder) / "agent.db")
        effects = [order_id for order_id in ids if journal.take_order(order_id, b"x")]
        journal.close()
    assert effects == list(dict.fromkeys(ids))


def made(version: int, name: str, kind: str = "data") -> MadeRow:
    place = int(name == "second")
    return MadeRow(kind, "space", name, "job", "lr_0", version, "guest", name, place, b"promise")


def test_what_an_attempt_made_is_known_with_its_promise_until_it_is_dropped(
    journal: Journal,
) -> None:
    journal.begin_attempt(ROW)
    journal.end_attempt(KEY, b"", [made(0, "first"), made(0, "m", "model")])
    assert journal.promise_of("data", "space", "first") == b"promise"
    assert journal.promise_of("cache", "space", "first") is None
    journal.forget_table("space", "first")
    journal.forget_table("space", "m")
    assert journal.promise_of("data", "space", "first") is None
    assert journal.promise_of("model", "space", "m") == b"promise"


def test_an_attempt_that_ended_before_makes_nothing_more(journal: Journal) -> None:
    journal.begin_attempt(ROW)
    journal.end_attempt(KEY, b"")
    journal.end_attempt(KEY, b"", [made(0, "first")])
    assert journal.promise_of("data", "space", "first") is None


def test_tables_of_the_newest_attempt_come_in_the_order_of_its_outputs(journal: Journal) -> None:
    for version, names in ((0, ["old"]), (1, ["second", "first"])):
        key = AttemptKey("job_lr_0", version, "guest")
        journal.begin_attempt(AttemptRow(key, "job", "lr_0", 1))
        journal.end_attempt(key, b"", [made(version, name) for name in names])
    assert [row.name for row in journal.tables_made("job", "lr_0")] == ["first", "second"]
    assert journal.tables_made("job", "lr_0", "host") == []
    assert journal.tables_made("other") == []
