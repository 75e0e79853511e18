"""Privileges: what jobs of a party may be, kept here beside what every party's own policy allows.

    role       roles that other parties have in its jobs: guest, host, arbiter
    command    create (submit a job), run (its tasks), stop (a job it takes part in)
    component  modules in its jobs, by name in any case; `*` is all
    dataset    tables that its jobs read, as `namespace/name`; `*` is all

A party is held to the kinds it was granted something of, and may do all of a kind it was granted
nothing of. Privileges are of a source party: the initiator of a job, and where FATE <= 1.8 grants
them, of one role of it. Uploads of a party's own tables need none.
Source: FATE-Flow 1.x, permission routes.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from coordinator.domain.access import ASKER, check_own
from coordinator.domain.ports import Store, Tx
from coordinator.domain.records import Job, Privilege
from coordinator.domain.state import JobPlan
from federation.errors import BadRequest, InvalidJob, PartyRefused, Problem
from federation.spec.orders import TableName
from federation.spec.party import Role

ALL = "*"
ROLES = (Role.GUEST.value, Role.HOST.value, Role.ARBITER.value)
COMMANDS = ("create", "run", "stop")
KINDS: Mapping[str, tuple[str, ...]] = {
    "role": ROLES,
    "command": COMMANDS,
    "component": (),
    "dataset": (),
}
"""Kind -> the names it has; none where any name will do."""


class NotPrivileged(PartyRefused):
    """A party was not granted what its job is."""

    code = "not_privileged"

    def __init__(self, party_id: str, lacking: Sequence[str]) -> None:
        super().__init__(
            f"party {party_id} was not granted {'; '.join(lacking)}: see permission/query",
            party_id=party_id,
            lacking=list(lacking),
        )


class TableDisabled(InvalidJob):
    """A job reads tables that were disabled."""

    code = "table_disabled"


class Privileges:
    """All privileges of a coordinator."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def grant(self, party_id: str, role: str, names: Mapping[str, Iterable[str]]) -> None:
        """Grant a party names of each kind.

        Raises:
            BadRequest: no such kind, or no such name of it.
        """
        given = _privileges(party_id, role, names)
        async with self._store.begin() as tx:
            await tx.access.grant(given)

    async def revoke(self, party_id: str, role: str, names: Mapping[str, Iterable[str]]) -> int:
        """Take names back; how many the party had. `*` takes back all of a kind.

        Raises:
            BadRequest: no such kind, or no such name of it.
        """
        async with self._store.begin() as tx:
            held = [one for one in await tx.access.privileges(party_id) if one.role == role]
            taken = _privileges(party_id, role, names)
            kinds = {each.kind for each in taken if each.name == ALL}
            everything = [one for one in held if one.kind in kinds]
            return await tx.access.revoke([*taken, *everything])

    async def of(self, party_id: str, role: str = "") -> dict[str, list[str]]:
        """What a party was granted, by kind."""
        async with self._store.read() as view:
            held = await view.access.privileges(party_id)
        fitting = [one for one in held if one.role == role]
        return {kind: [one.name for one in fitting if one.kind == kind] for kind in KINDS}


async def check_permitted(tx: Tx, job: Job, plan: JobPlan) -> None:
    """Say no to a job that its initiator may not have.

    Raises:
        NotYourParty: it is initiated by another party than the one whose user asks.
        NotPrivileged: names all that was not granted.
        TableDisabled: names all tables that no job may read.
    """
    check_own(job.initiator.party_id)
    if job.kind == "upload":
        return
    tables = {(table.namespace, table.name) for _, _, table in _read(plan)}
    if tables:
        await _check_enabled(tx, plan)
    source = job.initiator
    wanted = {
        "role": {
            role.value for role, ids in job.roles.items() if any(p != source.party_id for p in ids)
        },
        "command": {"create", "run"},
        "component": {task.module.lower() for task in plan.tasks},
        "dataset": {f"{namespace}/{name}" for namespace, name in tables},
    }
    await _check(tx, source.party_id, source.role.value, wanted)


async def check_stop(tx: Tx, job: Job) -> None:
    """Say no to whoever may not stop a job: any party of it may, unless its commands are limited.

    Raises:
        NotYourParty: the party whose user asks does not take part.
        NotPrivileged: it was granted commands, and `stop` is none of them.
    """
    asker = ASKER.get()
    if asker is None:
        return
    if asker not in job.party_ids:
        check_own(job.initiator.party_id)
    await _check(tx, asker, "", {"command": {"stop"}})


async def _check(tx: Tx, party_id: str, role: str, wanted: Mapping[str, set[str]]) -> None:
    held = [one for one in await tx.access.privileges(party_id) if one.role in ("", role)]
    lacking = []
    for kind, names in wanted.items():
        granted = {one.name for one in held if one.kind == kind}
        if granted and ALL not in granted:
            lacking += [f"{kind} {name}" for name in sorted(names - granted)]
    if lacking:
        raise NotPrivileged(party_id, lacking)


async def _check_enabled(tx: Tx, plan: JobPlan) -> None:
    disabled = await tx.table_notes.disabled()
    problems = [
        Problem(
            f"{component}.table",
            f"{table.namespace}.{table.name} of party {party_id} is disabled: see table/enable",
        )
        for component, party_id, table in _read(plan)
        if (table.namespace, table.name) in disabled
    ]
    if problems:
        raise TableDisabled(problems)


def _read(plan: JobPlan) -> Iterator[tuple[str, str, TableName]]:
    """Component, party and name of each table that a job reads."""
    for task in plan.tasks:
        for seat in task.seats:
            for table in seat.tables:
                yield task.component, seat.party_id, table


def _privileges(party_id: str, role: str, names: Mapping[str, Iterable[str]]) -> list[Privilege]:
    found = []
    for kind, given in names.items():
        if kind not in KINDS:
            raise BadRequest(f"privileges are of kinds {', '.join(KINDS)}, not {kind}")
        for name in given:
            known = KINDS[kind]
            if name == ALL and known:
                found += [Privilege(party_id, role, kind, each) for each in known]
                continue
            if known and name not in known:
                raise BadRequest(f"{kind} is one of {', '.join(known)}, not {name!r}")
            shown = name.lower() if kind == "component" else name
            found.append(Privilege(party_id, role, kind, shown))
    return found
