"""The line of jobs that wait for cores: nobody gets too much, and nobody waits for ever."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coordinator.domain.line import Claim, in_turn
from coordinator.domain.records import Capacity

PARTIES = ("1", "2", "3")
LENT = {party_id: Capacity(8, 4) for party_id in PARTIES}


def claim(job_id: str, tasks: int = 1, **cores: int) -> Claim:
    return Claim(job_id, {name.removeprefix("p"): number for name, number in cores.items()}, tasks)


@st.composite
def claims(draw: st.DrawFn) -> list[Claim]:
    parties = st.lists(st.sampled_from(PARTIES), min_size=1, unique=True)
    needs = draw(
        st.lists(st.tuples(parties, st.integers(0, 8), st.integers(1, 4)), min_size=1, max_size=12)
    )
    return [
        Claim(str(number), dict.fromkeys(party_ids, cores), tasks)
        for number, (party_ids, cores, tasks) in enumerate(needs)
    ]


def taken(running: list[Claim]) -> tuple[Counter[str], Counter[str]]:
    cores: Counter[str] = Counter()
    tasks: Counter[str] = Counter()
    for each in running:
        cores.update(each.cores)
        tasks.update(dict.fromkeys(each.cores, each.tasks))
    return cores, tasks


@settings(max_examples=150)
@given(claims(), st.randoms(use_true_random=False))
def test_all_jobs_run_in_the_end_and_no_party_lends_more_than_it_has(
    line: list[Claim], random: object
) -> None:
    running: list[Claim] = []
    while line or running:
        verdicts = in_turn(running, line, LENT)
        started = [each for each, said in zip(line, verdicts, strict=True) if said.starts]
        assert started or running, "all wait, and nothing runs"
        running += started
        line = [each for each in line if each not in started]
        cores, tasks = taken(running)
        assert all(cores[p] <= LENT[p].cores and tasks[p] <= LENT[p].tasks for p in PARTIES)
        running.remove(random.choice(running))  # type: ignore[attr-defined]


@settings(max_examples=150)
@given(claims(), claims())
def test_whoever_comes_later_takes_nothing_from_those_before(
    line: list[Claim], later: list[Claim]
) -> None:
    before = in_turn([], line, LENT)
    assert in_turn([], [*line, *later], LENT)[: len(line)] == before


def test_what_is_lacked_is_named_with_its_party_and_number() -> None:
    waiting = in_turn([claim("a", p1=6)], [claim("b", p1=4, p2=4)], LENT)[0]
    assert not waiting.starts
    assert [(lack.party_id, lack.code) for lack in waiting.lacks] == [("1", "party_busy")]
    assert "lends 8 cores" in waiting.lacks[0].what
    assert "the 4 this job needs" in waiting.lacks[0].what


def test_turns_are_lacked_as_cores_are() -> None:
    waiting = in_turn([claim("a", tasks=3, p1=0)], [claim("b", tasks=2, p1=0)], LENT)[0]
    assert "lends 4 tasks at a time" in waiting.lacks[0].what


def test_one_that_is_small_passes_only_where_there_is_room_for_both() -> None:
    running, big = [claim("a", p1=6)], claim("big", p1=4, p2=4)
    line = [big, claim("same", p1=2), claim("beside", p2=4), claim("over", p2=1)]
    verdicts = in_turn(running, line, LENT)
    assert [said.job_id for said in verdicts if said.starts] == ["beside"]


def test_a_job_that_can_not_start_keeps_no_place() -> None:
    line = [claim("never", p1=9), claim("unknown", p1=8, p4=1), claim("small", p1=8)]
    never, unknown, small = in_turn([], line, LENT)
    assert never.never
    assert [lack.code for lack in unknown.lacks] == ["party_unknown"]
    assert small.starts


@pytest.mark.parametrize("tasks", [5, 40])
def test_more_tasks_at_a_time_than_a_party_has_never_fit(tasks: int) -> None:
    assert in_turn([], [claim("a", tasks=tasks, p1=1)], LENT)[0].never
