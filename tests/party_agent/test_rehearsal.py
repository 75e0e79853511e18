"""The task that is played before any process is forked."""

import asyncio

import pytest

from party_agent.rehearsal import play, rehearse

DEADLINE_S = 60


async def test_a_rehearsed_task_that_breaks_off_is_not_waited_for() -> None:
    with pytest.raises(ExceptionGroup):
        await asyncio.wait_for(play(b"no order"), DEADLINE_S)


def test_a_rehearsal_runs_its_task_to_the_end() -> None:
    rehearse()
