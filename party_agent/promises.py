"""Whether a task is what this party agreed to when it promised to take part in its job.

The coordinator is trusted to deliver, not to be honest: it could have a harmless job checked, and
then order another task, other parameters, or a table that nobody asked the policy about. So a task
runs only as it was promised, and reads only what was made here under the same promise: the same
job, parties, components and tables. Anything else (the output of an earlier job, a model to predict
with, what another job left behind under this job's id) is a new question to the policy.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence

from federation.errors import PolicyRefused
from federation.spec.orders import ModelOutput, PrepareJob, RunTask, TableOutput
from federation.wire.codec import encode
from party_agent.journal import MadeRow
from party_agent.policy import Ask, Rules

PromiseOf = Callable[[str, str, str], bytes | None]
"""The promise under which something of this kind, namespace and name was made here."""


def promise_key(promised: PrepareJob) -> bytes:
    """What a promise is about: the job, who takes part as what, and which tables are read by what.

    Parameters are left out: a job whose parameters were updated goes on with what it has made.
    """
    roles = {role.value: list(ids) for role, ids in sorted(promised.roles.items())}
    tasks = sorted(
        [
            brief.component,
            brief.role.value,
            brief.module,
            sorted([table.namespace, table.name] for table in brief.tables),
        ]
        for brief in promised.tasks
    )
    return hashlib.sha256(encode([promised.job_id, roles, tasks])).digest()


def check_promised(
    order: RunTask, promised: PrepareJob, rules: Rules, party_id: str, promise_of: PromiseOf
) -> None:
    """Say no to a task that differs from what was promised.

    Raises:
        PolicyRefused: it is another task, has other parameters, tables or parties, or takes what
            its job did not make and the policy does not allow.
    """
    if order.task not in promised.tasks or order.roles != promised.roles:
        raise PolicyRefused(
            f"{order.task.component} in another form than was agreed to",
            "the promise given when the job was prepared",
            "submit the job again",
        )
    key = promise_key(promised)
    foreign = [given for given in _inputs(order) if promise_of(*given) != key]
    if foreign:
        others = {other for ids in order.roles.values() for other in ids if other != party_id}
        task = order.task
        rules.check(
            Ask(
                "job",
                task.module,
                task.role.value,
                tuple(sorted(others)),
                tables=tuple(f"{space}/{name}" for kind, space, name in foreign if kind != "model"),
                models=tuple(sorted({space for kind, space, _ in foreign if kind == "model"})),
            )
        )


def made_by(
    order: RunTask, promise: bytes, tables: Sequence[TableOutput], model: ModelOutput | None
) -> list[MadeRow]:
    """What an attempt made, to be remembered with the promise it was made under."""
    task = order.task
    found = [
        (each.kind, each.table.namespace, each.table.name, each.output, at)
        for at, each in enumerate(tables)
    ]
    if model is not None:
        place = _place(order.model_id, order.model_version, task.role.value, task.component)
        found.append(("model", *place, model.output, 0))
    return [
        MadeRow(
            kind=kind,
            namespace=namespace,
            name=name,
            job_id=order.job_id,
            component=task.component,
            version=order.version,
            role=task.role.value,
            output=output,
            place=at,
            promise=promise,
        )
        for kind, namespace, name, output, at in found
    ]


def _inputs(order: RunTask) -> Iterator[tuple[str, str, str]]:
    """Kind, namespace and name of everything stored that a task takes."""
    for given in order.data.values():
        yield from (("data", each.table.namespace, each.table.name) for each in given)
    yield from (("cache", each.table.namespace, each.table.name) for each in order.cache)
    for model in (*order.model, *order.isometric_model):
        role = order.task.role.value
        yield "model", *_place(model.model_id, model.model_version, role, model.component)


def _place(model_id: str, model_version: str, role: str, component: str) -> tuple[str, str]:
    """Where a model stands among what was made: its id and version, its role and component."""
    return f"{model_id}/{model_version}", f"{role}/{component}"
