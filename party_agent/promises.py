"""Whether a task is what this party agreed to when it promised to take part in its job.

The coordinator is trusted to deliver, not to be honest: it could have a harmless job checked, and
then order another task, other parameters, or a table that nobody asked the policy about. So a task
runs only as it was promised, and reads only what tasks of its own job made. Another table (the
output of an earlier job) is a new question to the policy.
"""

from collections.abc import Iterator

from federation.errors import PolicyRefused
from federation.spec.ids import cache_namespace, output_namespace, task_id
from federation.spec.orders import PrepareJob, RunTask, TableName
from party_agent.policy import Ask, Rules


def check_promised(order: RunTask, promised: PrepareJob, rules: Rules, party_id: str) -> None:
    """Say no to a task that differs from what was promised.

    Raises:
        PolicyRefused: it is another task, has other parameters, tables or parties, or reads a
            table that its job did not make and the policy does not allow.
    """
    if order.task not in promised.tasks or order.roles != promised.roles:
        raise PolicyRefused(
            f"{order.task.component} in another form than was agreed to",
            "the promise given when the job was prepared",
            "submit the job again",
        )
    others_made = [table for table in _inputs(order) if not _of_this_job(table, promised)]
    foreign = tuple(f"{table.namespace}/{table.name}" for table in others_made)
    if foreign:
        others = {other for ids in order.roles.values() for other in ids if other != party_id}
        task = order.task
        rules.check(Ask("job", task.module, task.role.value, tuple(sorted(others)), foreign))


def _inputs(order: RunTask) -> Iterator[TableName]:
    for given in (*order.data.values(), order.cache):
        yield from (each.table for each in given)


def _of_this_job(table: TableName, promised: PrepareJob) -> bool:
    """Whether the table has the name of one that an attempt of this job made here.

    A job id is all digits, so that no job's namespace can be spelt like that of another.
    """
    _, _, version = table.namespace.rpartition("_")
    if not promised.job_id.isdecimal() or not version.isdecimal():
        return False
    tasks = {task_id(promised.job_id, brief.component) for brief in promised.tasks}
    names = (output_namespace, cache_namespace)
    return any(table.namespace == named(task, int(version)) for named in names for task in tasks)
