"""What the coordinator holds for done, against what each party wrote down for itself."""

import sqlite3
from collections import defaultdict
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

Attempt = tuple[str, int, str]
"""Task, version, role; at one party."""


def rows_of(database: Path, query: str) -> list[Any]:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=20)) as opened:
        return opened.execute(query).fetchall()


def check_agreement(coordinator: Path, agents: Mapping[str, Path]) -> int:
    """See that both sides tell the same of every attempt; how many there were.

    Args:
        coordinator: its database.
        agents: the database of each party's agent.
    """
    said = defaultdict(dict)
    for task_id, version, role, party_id, status in rows_of(
        coordinator, "SELECT task_id, version, role, party_id, party_status FROM tasks"
    ):
        said[party_id][task_id, version, role] = status
    outputs: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for party_id, namespace, name, task_id, version in rows_of(
        coordinator,
        "SELECT party_id, namespace, name, task_id, version FROM outputs WHERE kind = 'data'",
    ):
        if namespace == f"output_data_{task_id}_{version}":  # Else it was taken over.
            outputs[party_id].add((namespace, name))
    for party_id, database in agents.items():
        check_party(database, said[party_id], outputs[party_id], party_id)
    return sum(map(len, said.values()))


def check_party(
    database: Path, said: Mapping[Attempt, str], outputs: set[tuple[str, str]], party_id: str
) -> None:
    """One party: every attempt has ended, is known, and made what it is said to have made."""
    attempts = rows_of(database, "SELECT task_id, version, role, ended FROM attempts")
    assert attempts, f"party {party_id} ran nothing"
    for task_id, version, role, ended in attempts:
        attempt = (task_id, version, role)
        assert ended == 1, f"{attempt} still runs at {party_id}"
        assert attempt in said, f"{attempt} ran at {party_id}, and nobody ordered it"
    made = {
        (namespace, name): attempt
        for namespace, name, *attempt in rows_of(
            database,
            "SELECT namespace, name, job_id || '_' || component, version, role FROM made"
            " WHERE kind = 'data' AND namespace LIKE 'output_data_%'",
        )
    }
    assert outputs <= set(made), f"{party_id} never made {outputs - set(made)}"
    done_well = {attempt for attempt, status in said.items() if status == "success"}
    untold = {
        table: attempt
        for table, attempt in made.items()
        if table not in outputs and tuple(attempt) in done_well
    }
    assert not untold, f"{party_id} made what the coordinator was not told of: {untold}"
    namespaces = [namespace for namespace, _ in made]
    twice = {namespace for namespace in namespaces if namespaces.count(namespace) > 1}
    assert not twice, f"attempts that took effect twice at {party_id}: {twice}"


def check_metrics(coordinator: Path) -> int:
    """Each attempt that ended well left its one point, once; how many did."""
    points: dict[Any, int] = defaultdict(int)
    for *attempt, data in rows_of(
        coordinator,
        "SELECT job_id, component, version, role, party_id, data FROM metrics"
        " WHERE name = 'attempt'",
    ):
        points[tuple(attempt)] += data.count("],[") + 1
    assert points
    assert set(points.values()) == {1}
    return len(points)
