"""The life of a job under events in any order, doubled, late and lost."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coordinator.domain.draft import overall
from coordinator.domain.events import (
    Admitted,
    AgentLost,
    AgentUp,
    Event,
    RerunAsked,
    StopAsked,
    Tick,
    Told,
)
from coordinator.domain.state import WITHDRAWABLE, Changes, JobState, Outgoing
from coordinator.domain.step import REFUSALS_MS, next_due, step
from federation.spec.orders import (
    CancelTasks,
    CloseJob,
    JobReady,
    JobRefused,
    OpenSession,
    Order,
    PrepareJob,
    Reason,
    Report,
    RunTask,
    SessionKeys,
    SessionOpened,
    TableName,
    TableOutput,
    TaskEnded,
    TaskStarted,
)
from federation.spec.party import ARBITER, GUEST, HOST, Party, Role
from federation.spec.status import DONE_WELL, ENDED, JOB, TASK, Status

Make = Callable[..., Changes]


@dataclass
class Agent:
    """One party's agent, as good as it can be: it keeps orders and reports, and loses keys."""

    party_id: str
    inbox: list[Order] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)
    offers: set[int] = field(default_factory=set)
    keys: set[int] = field(default_factory=set)
    held: list[RunTask] = field(default_factory=list)
    running: list[RunTask] = field(default_factory=list)
    alone: bool = False

    def take(self) -> None:
        order = self.inbox.pop(0)
        match order:
            case PrepareJob():
                self.offers.add(order.epoch)
                self.reports.append(JobReady(job_id="j", epoch=order.epoch, offer=b"o"))
            case OpenSession() if order.epoch in self.offers:
                letters = {peer: b"s" for peer in order.offers if peer != self.party_id}
                self.reports.append(SessionOpened(job_id="j", epoch=order.epoch, letters=letters))
            case SessionKeys():
                self.keys.add(order.epoch)
            case RunTask():
                self.held.append(order)
            case CancelTasks():
                for task in self.held + self.running:
                    self.end(task, Status.CANCELED)
                self.held, self.running = [], []
            case CloseJob():
                self.offers, self.keys = set(), set()
                self.held, self.running = [], []

    def work(self, good: bool) -> None:
        """Start a task that can start, or else end one that runs."""
        for task in self.held:
            if self.alone or task.epoch in self.keys or task.epoch not in self.offers:
                self.held.remove(task)
                if not (self.alone or task.epoch in self.keys):
                    self.end(task, Status.FAILED, "session_lost")
                    return
                self.running.append(task)
                self.reports.append(
                    TaskStarted(
                        job_id="j",
                        task_id=task.task.task_id,
                        version=task.version,
                        role=task.task.role,
                        pid=1,
                        time_ms=1,
                    )
                )
                return
        if self.running:
            task = self.running.pop(0)
            self.end(task, Status.SUCCESS if good else Status.FAILED, "data_problem")

    def end(self, order: RunTask, status: Status, code: str = "canceled") -> None:
        table = TableName(namespace=f"{order.task.task_id}_{order.version}", name=order.task.role)
        made = TableOutput(output="data", table=table, rows=1, header=("id",), schema_={})
        self.reports.append(
            TaskEnded(
                job_id="j",
                task_id=order.task.task_id,
                version=order.version,
                role=order.task.role,
                component=order.task.component,
                status=status,
                reason=None if status is Status.SUCCESS else Reason(code=code, message=code),
                tables=(made,) if status is Status.SUCCESS else (),
            )
        )

    def crash(self) -> None:
        self.offers, self.keys = set(), set()
        for task in self.running:
            self.end(task, Status.FAILED, "agent_restarted")
        self.running = []


class World:
    """A job, its agents, and what must hold after every step."""

    def __init__(self, first: Changes) -> None:
        self.state = first.state
        self.now_ms = first.state.job.created_ms
        self.agents = {party_id: Agent(party_id) for party_id in first.state.members}
        for agent in self.agents.values():
            agent.alone = len(self.agents) == 1
        self.order_ids: set[tuple[str, str]] = set()
        self.ran: set[tuple[str, int, Role, str]] = set()
        self.stopped = False
        self.send(first.orders)

    def happen(self, event: Event) -> Changes:
        before = self.state
        changes = step(before, event, self.now_ms)
        self.state = changes.state
        if changes.withdraw:
            for agent in self.agents.values():
                agent.inbox = [o for o in agent.inbox if o.kind not in WITHDRAWABLE]
        self.send(changes.orders)
        check_edges(before, changes)
        if isinstance(event, Told) and is_stale(before, event):
            assert changes == Changes(before)
        self.check()
        if self.state.in_line and event != Admitted():
            started = self.happen(Admitted())
            return replace(started, orders=(*changes.orders, *started.orders))
        return changes

    def send(self, orders: tuple[Outgoing, ...]) -> None:
        for outgoing in orders:
            name = (outgoing.party_id, outgoing.order_id)
            assert name not in self.order_ids, f"ordered twice: {name}"
            self.order_ids.add(name)
            if isinstance(outgoing.order, RunTask):
                self.check_run(outgoing.party_id, outgoing.order)
            self.agents[outgoing.party_id].inbox.append(outgoing.order)

    def check_run(self, party_id: str, order: RunTask) -> None:
        key = (order.task.task_id, order.version, order.task.role, party_id)
        assert key not in self.ran
        self.ran.add(key)
        planned = self.state.plan.task(order.task.component)
        for name in planned.depends:
            for (component, _), task in self.state.tasks.items():
                assert component != name or task.party_status in DONE_WELL
            table = order.data["data"][planned.depends.index(name)].table
            newest = self.state.tasks[name, Party(order.task.role, party_id)].version
            assert table.namespace == f"j_{name}_{newest}"

    def check(self) -> None:
        state = self.state
        active = {
            task.component
            for task in state.tasks.values()
            if task.ordered and task.party_status not in ENDED
        }
        assert len(active) <= state.plan.parallelism
        if state.job.status in ENDED:
            assert all(task.party_status in ENDED for task in state.tasks.values())
            assert next_due(state) is None
        if state.job.status is Status.SUCCESS and not self.stopped:
            assert all(task.party_status in DONE_WELL for task in state.tasks.values())
        for (component, _), task in state.tasks.items():
            seats = [t.party_status for (name, _), t in state.tasks.items() if name == component]
            assert task.status is overall(seats)

    def settle(self) -> None:
        """Let everybody go on, without further mishaps, until the job has ended."""
        for party_id in self.agents:
            self.happen(AgentUp(party_id))
        for _ in range(2_000):
            if self.state.job.status in ENDED:
                return
            idle = True
            for agent in self.agents.values():
                if agent.inbox:
                    agent.take()
                    idle = False
                before = len(agent.reports)
                agent.work(good=True)
                idle &= len(agent.reports) == before and not agent.reports
                while agent.reports:
                    self.happen(Told(agent.party_id, agent.reports.pop(0)))
            if idle:
                due = next_due(self.state)
                assert due is not None
                self.now_ms = max(self.now_ms, due)
                self.happen(Tick())
        raise AssertionError(f"the job never ended: {self.state.job.waiting_for}")


def is_stale(state: JobState, told: Told) -> bool:
    """Whether a report is about an epoch or an attempt that is over."""
    match told.report:
        case JobReady(epoch=epoch) | SessionOpened(epoch=epoch):
            return epoch != state.job.epoch
        case TaskStarted() | TaskEnded() as report:
            newest = {task.task_id: task.version for task in state.tasks.values()}
            return newest[report.task_id] != report.version
    return False


def check_edges(before: JobState, changes: Changes) -> None:
    after = changes.state
    old, new = before.job.status, after.job.status
    assert old is new or new in JOB[old]
    past = {(task.component, task.seat, task.version): task for task in changes.past}
    for (component, seat), task in before.tasks.items():
        now = after.tasks[component, seat]
        if now.version != task.version:
            assert now.version == task.version + 1
            now = past[component, seat, task.version]
        old, new = task.party_status, now.party_status
        assert old is new or new in TASK[old]


ROLES = {GUEST: ("9999",), HOST: ("10000",), ARBITER: ("10000",)}
ALONE = {GUEST: ("9999",), HOST: ("9999",)}


@pytest.mark.parametrize("roles", [ROLES, ALONE], ids=["two parties", "one party"])
def test_a_job_succeeds_when_all_goes_well(
    make_diamond: Make, roles: dict[Role, tuple[str]]
) -> None:
    world = World(make_diamond(roles))
    world.settle()
    assert status_of(world) is Status.SUCCESS
    assert world.state.job.progress == 100
    assert all(task.version == 0 for task in world.state.tasks.values())


@settings(max_examples=150, deadline=None)
@given(
    random=st.randoms(use_true_random=False),
    alone=st.booleans(),
    retries=st.integers(0, 2),
    parallelism=st.integers(1, 2),
    mishaps=st.integers(0, 80),
)
def test_whatever_happens_a_job_ends_and_no_rule_is_broken(
    make_diamond: Make, random: Random, alone: bool, retries: int, parallelism: int, mishaps: int
) -> None:
    world = World(
        make_diamond(ALONE if alone else ROLES, auto_retries=retries, parallelism=parallelism)
    )
    for _ in range(mishaps):
        mishap(world, random)
    world.settle()


def mishap(world: World, random: Random) -> None:
    agent = random.choice(list(world.agents.values()))
    match random.randrange(16):
        case 0 | 1 | 2 | 3 if agent.inbox:
            agent.take()
        case 4 | 5 | 6:
            agent.work(good=random.random() < 0.9)
        case 7 | 8 | 9 | 10 if agent.reports:
            world.happen(Told(agent.party_id, agent.reports.pop(0)))
        case 11 if agent.reports:
            world.happen(Told(agent.party_id, random.choice(agent.reports)))
        case 12 if random.random() < 0.3:
            agent.crash()
            world.happen(AgentUp(agent.party_id, restarted=True))
        case 13 if random.random() < 0.3:
            event: type[AgentLost | AgentUp] = random.choice((AgentLost, AgentUp))
            world.happen(event(agent.party_id))
        case 14:
            world.now_ms += random.randrange(3_000)
            world.happen(Tick())
        case 15 if random.random() < 0.2:
            rare(world, random)


def rare(world: World, random: Random) -> None:
    names = tuple(random.sample(["a", "b", "c", "d"], random.randrange(3)))
    status = random.choice([Status.CANCELED, Status.SUCCESS, Status.FAILED])
    stop = StopAsked(status, Reason(code="stopped", message="stopped"))
    again = RerunAsked(names, force=random.random() < 0.5)
    event: Event = stop if random.random() < 0.5 else again
    world.stopped |= isinstance(event, StopAsked)
    world.happen(event)


# --- single rules --------------------------------------------------------------------------------


def ready(world: World) -> None:
    """Bring a world to where the first task is ordered and keys are out."""
    for _ in range(3):
        for agent in world.agents.values():
            while agent.inbox:
                agent.take()
            while agent.reports:
                world.happen(Told(agent.party_id, agent.reports.pop(0)))


def status_of(world: World) -> Status:
    return world.state.job.status


def kinds(changes: Changes) -> set[str]:
    return {outgoing.order.kind for outgoing in changes.orders}


def test_nothing_runs_until_all_parties_are_ready(make_diamond: Make) -> None:
    world = World(make_diamond())
    first = world.happen(Told("9999", JobReady(job_id="j", epoch=0, offer=b"o")))
    assert kinds(first) == set()
    assert status_of(world) is Status.WAITING
    assert [w.party_id for w in world.state.job.waiting_for] == ["10000"]
    second = world.happen(Told("10000", JobReady(job_id="j", epoch=0, offer=b"p")))
    assert kinds(second) == {"open_session", "run_task"}
    assert status_of(world) is Status.RUNNING


def test_a_job_of_one_party_opens_no_session(make_diamond: Make) -> None:
    world = World(make_diamond(ALONE))
    changes = world.happen(Told("9999", JobReady(job_id="j", epoch=0, offer=b"o")))
    assert kinds(changes) == {"run_task"}


def test_each_party_gets_the_letters_its_peers_sealed_for_it(make_diamond: Make) -> None:
    roles = {GUEST: ("1",), HOST: ("2", "3")}
    world = World(make_diamond(roles))
    for party_id in ("1", "2", "3"):
        world.happen(Told(party_id, JobReady(job_id="j", epoch=0, offer=b"o")))
    given: dict[str, dict[str, bytes]] = {}
    for party_id in ("1", "2", "3"):
        letters = {p: f"{party_id}>{p}".encode() for p in ("1", "2", "3") if p != party_id}
        opened = SessionOpened(job_id="j", epoch=0, letters=letters)
        for outgoing in world.happen(Told(party_id, opened)).orders:
            assert isinstance(outgoing.order, SessionKeys)
            given[outgoing.party_id] = outgoing.order.letters
    assert given == {
        me: {p: f"{p}>{me}".encode() for p in ("1", "2", "3") if p != me} for me in ("1", "2", "3")
    }


def refusal(message: str) -> JobRefused:
    why = Reason(code="table_too_small", message=message)
    return JobRefused(job_id="j", epoch=0, reasons=(why,))


def test_a_refusal_ends_the_job_with_its_reason(make_diamond: Make) -> None:
    world = World(make_diamond())
    world.happen(Told("10000", refusal("breast.host has fewer than 500 rows")))
    world.happen(Told("9999", JobReady(job_id="j", epoch=0, offer=b"o")))
    assert status_of(world) is Status.FAILED
    assert world.state.job.reason is not None
    assert world.state.job.reason.code == "table_too_small"
    assert world.state.job.reason.facts["party_id"] == "10000"


def test_refusals_of_all_parties_are_told_at_once(make_diamond: Make) -> None:
    world = World(make_diamond())
    world.happen(Told("10000", refusal("no host table")))
    assert status_of(world) is Status.WAITING
    world.happen(Told("9999", refusal("no guest table")))
    assert status_of(world) is Status.FAILED
    assert world.state.job.reason is not None
    assert "no host table" in world.state.job.reason.message
    assert "no guest table" in world.state.job.reason.message


def test_a_refusal_does_not_wait_long_for_a_silent_party(make_diamond: Make) -> None:
    world = World(make_diamond())
    world.happen(Told("10000", refusal("no host table")))
    due = next_due(world.state)
    assert due == world.now_ms + REFUSALS_MS
    world.now_ms = due
    world.happen(Tick())
    assert status_of(world) is Status.FAILED


def fail_first_task(world: World) -> Changes:
    ready(world)
    agent = world.agents["10000"]
    agent.work(good=True)
    world.happen(Told("10000", agent.reports.pop(0)))
    agent.end(agent.running.pop(0), Status.FAILED, "data_problem")
    return world.happen(Told("10000", agent.reports.pop(0)))


def test_a_failed_task_ends_the_job_and_cancels_the_others(make_diamond: Make) -> None:
    world = World(make_diamond())
    changes = fail_first_task(world)
    assert kinds(changes) == {"cancel_tasks", "close_job"}
    job = world.state.job
    assert job.status is Status.FAILED
    assert job.reason is not None
    assert job.reason.facts == {"party_id": "10000", "role": "host", "component": "a"}
    statuses = sorted(task.party_status for task in world.state.tasks.values())
    assert statuses == ["canceled"] * (len(statuses) - 1) + ["failed"]


def test_a_failed_task_is_tried_again_at_all_seats_after_the_delay(make_diamond: Make) -> None:
    world = World(make_diamond(auto_retries=1, retry_delay_ms=700))
    fail_first_task(world)
    assert status_of(world) is Status.RUNNING
    assert next_due(world.state) == world.now_ms + 700
    assert {t.version for t in world.state.tasks.values() if t.component == "a"} == {1}
    world.now_ms += 699
    assert kinds(world.happen(Tick())) == set()
    world.now_ms += 1
    assert kinds(world.happen(Tick())) == {"prepare_job"}
    assert world.state.job.epoch == 1
    world.settle()
    assert status_of(world) is Status.SUCCESS


def test_the_last_retry_that_fails_ends_the_job(make_diamond: Make) -> None:
    world = World(make_diamond(auto_retries=1))
    for _ in range(2):
        fail_first_task(world)
        world.now_ms += 10_000
        world.happen(Tick())
    assert status_of(world) is Status.FAILED


def test_a_report_about_an_old_attempt_changes_nothing(make_diamond: Make) -> None:
    world = World(make_diamond(auto_retries=1))
    ready(world)
    late = [success_of(agent) for agent in world.agents.values()]
    fail_first_task(world)
    world.now_ms += 10_000
    world.happen(Tick())
    ready(world)
    before = world.state
    assert any(task.ordered and task.version == 1 for task in before.tasks.values())
    for agent, report in late:
        assert step(before, Told(agent, report), world.now_ms).state is before


def success_of(agent: Agent) -> tuple[str, Report]:
    task = agent.held[0]
    agent.end(task, Status.SUCCESS)
    return agent.party_id, agent.reports.pop()


def test_a_lost_party_fails_its_running_task_by_name(make_diamond: Make) -> None:
    world = World(make_diamond())
    ready(world)
    world.happen(AgentLost("10000"))
    assert status_of(world) is Status.FAILED
    assert world.state.job.reason is not None
    assert world.state.job.reason.code == "party_lost"


def test_a_party_lost_before_anything_runs_is_waited_for(make_diamond: Make) -> None:
    world = World(make_diamond())
    world.happen(AgentLost("10000"))
    assert status_of(world) is Status.WAITING
    assert ("10000", "party_not_connected") in {
        (w.party_id, w.code) for w in world.state.job.waiting_for
    }


def test_a_restarted_agent_that_says_nothing_loses_its_tasks(make_diamond: Make) -> None:
    world = World(make_diamond())
    ready(world)
    world.agents["10000"].work(good=True)
    world.happen(Told("10000", world.agents["10000"].reports.pop(0)))
    world.happen(AgentUp("10000", restarted=True))
    assert status_of(world) is Status.RUNNING
    due = next_due(world.state)
    assert due is not None
    world.now_ms = due
    world.happen(Tick())
    assert world.state.job.reason is not None
    assert world.state.job.reason.code == "agent_restarted"


def test_a_restart_between_answers_asks_everybody_anew(make_diamond: Make) -> None:
    world = World(make_diamond())
    world.happen(Told("9999", JobReady(job_id="j", epoch=0, offer=b"o")))
    changes = world.happen(AgentUp("9999", restarted=True))
    assert kinds(changes) == {"prepare_job"}
    assert world.state.job.epoch == 1
    world.settle()
    assert status_of(world) is Status.SUCCESS


def test_a_job_that_runs_too_long_times_out(make_diamond: Make) -> None:
    world = World(make_diamond(timeout_ms=60_000))
    ready(world)
    due = next_due(world.state)
    assert due is not None
    world.now_ms = due
    world.happen(Tick())
    assert status_of(world) is Status.TIMEOUT
    assert {task.party_status for task in world.state.tasks.values()} == {Status.TIMEOUT}


@pytest.mark.parametrize("status", [Status.CANCELED, Status.SUCCESS, Status.FAILED])
def test_a_stop_ends_the_job_at_once(make_diamond: Make, status: Status) -> None:
    world = World(make_diamond())
    ready(world)
    world.stopped = True
    changes = world.happen(StopAsked(status, Reason(code="stopped", message="stopped")))
    assert kinds(changes) == {"cancel_tasks", "close_job"}
    assert world.state.job.status is status


def test_a_rerun_runs_only_what_did_not_succeed(make_diamond: Make) -> None:
    world = World(make_diamond())
    ready(world)
    for agent in world.agents.values():
        while agent.held or agent.running:
            agent.work(good=True)
        while agent.reports:
            world.happen(Told(agent.party_id, agent.reports.pop(0)))
    world.happen(StopAsked(Status.CANCELED, Reason(code="stopped", message="stopped")))
    world.happen(RerunAsked())
    assert status_of(world) is Status.WAITING
    versions = {task.component: task.version for task in world.state.tasks.values()}
    assert versions == {"a": 0, "b": 1, "c": 1, "d": 1}
    world.settle()
    assert status_of(world) is Status.SUCCESS


def test_a_rerun_of_a_good_job_changes_nothing_without_force(make_diamond: Make) -> None:
    world = World(make_diamond())
    world.settle()
    before = world.state
    assert world.happen(RerunAsked(("b",))).state is before
    world.happen(RerunAsked(("b",), force=True))
    versions = {task.component: task.version for task in world.state.tasks.values()}
    assert versions == {"a": 0, "b": 1, "c": 0, "d": 1}


def test_an_order_to_stop_is_never_withdrawn(make_diamond: Make) -> None:
    world = World(make_diamond(auto_retries=1))
    changes = fail_first_task(world)
    assert changes.withdraw
    assert "cancel_tasks" in kinds(changes)
    assert "cancel_tasks" not in WITHDRAWABLE
    assert "close_job" not in WITHDRAWABLE


def test_a_state_is_not_changed_by_a_step(make_diamond: Make) -> None:
    first = make_diamond().state
    kept = replace(first, tasks=dict(first.tasks), members=dict(first.members))
    step(first, Told("9999", JobReady(job_id="j", epoch=0, offer=b"o")), 1)
    assert first == kept
