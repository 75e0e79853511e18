"""Real agent processes, with a protocol peer in the coordinator's place."""

import asyncio
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from federation.spec.orders import (
    CancelTasks,
    CloseJob,
    DataInput,
    DropTable,
    TableName,
)
from federation.spec.party import GUEST, HOST, LOCAL
from federation.spec.status import Status
from federation.tables import Schema, Table
from federation.wire.codec import decode, encode
from federation.wire.frames import Frame, FrameKind
from federation.wire.identity import Identity
from party_agent.policy import Rule, append_grant
from party_agent.tables import TableStore

pytestmark = pytest.mark.together

BOTH = {GUEST: ("9999",), HOST: ("9999",)}
CANARY = "canary7f3a"


def store(home: Path) -> None:
    frame = pa.table({"id": ["1", "2"], "x": ["a", CANARY]})
    TableStore(home / "tables").write("n", "t", Table(Schema("id", ("x",)), frame))


def add(orders: Any, role: Any) -> Any:
    return orders.brief("add_0", "SecureAddExample", role)


async def start_waiting_task(coordinator: Any, orders: Any) -> Any:
    """A task that waits for a letter that never comes."""
    await coordinator.order(orders.prepare(add(orders, GUEST), roles=BOTH))
    await coordinator.report("job_ready")
    await coordinator.order(orders.run_task(add(orders, GUEST), roles=BOTH))
    return await coordinator.report("task_started")


async def test_a_reader_hands_its_table_on_and_tells_how_it_went(
    coordinator: Any, agent: Any, orders: Any
) -> None:
    store(agent.home)
    reader = orders.reader_of("n", "t")
    await coordinator.order(orders.prepare(reader))
    ready = await coordinator.report("job_ready")
    assert ready.params["reader_0/guest"]["table"] == {"namespace": "n", "name": "t"}
    await coordinator.order(orders.run_task(reader))
    ended = await coordinator.report("task_ended")
    assert ended.status is Status.SUCCESS
    (table,) = ended.tables
    assert (table.output, table.rows, table.header) == ("data", 2, ("id", "x"))
    kinds = [coordinator.reports[seq].kind for seq in sorted(coordinator.reports)]
    assert kinds == ["job_ready", "task_started", "task_metrics", "task_ended"]
    (metrics,) = coordinator.all("task_metrics")
    (metric,) = metrics.metrics
    assert (metric.namespace, metric.name) == ("reader_namespace", "reader_name")
    assert metric.meta["count"] == 2
    assert CANARY not in str(coordinator.reports)

    await coordinator.order(DropTable(table=TableName(namespace="n", name="t")))
    ok, said = await coordinator.call(
        "rows", namespace=table.table.namespace, name=table.table.name
    )
    assert ok
    assert said["rows"] == [["1", "a"], ["2", CANARY]]
    assert (await coordinator.call("table_info", namespace="n", name="t"))[1]["exist"] == 0


async def test_orders_and_attempts_that_come_twice_have_effect_once(
    coordinator: Any, agent: Any, orders: Any
) -> None:
    store(agent.home)
    reader = orders.reader_of("n", "t")
    for _ in range(2):
        await coordinator.order(orders.prepare(reader), "prepare")
    for order_id in ("run", "run", "run again"):
        await coordinator.order(orders.run_task(reader), order_id)
    await coordinator.order(orders.prepare(reader, epoch=1), "next")
    await coordinator.report("task_ended")
    await coordinator.report("job_ready", 1)
    assert coordinator.acks == ["prepare", "prepare", "run", "run", "run again", "next"]
    assert len(coordinator.all("job_ready")) == 2
    assert len(coordinator.all("task_started")) == 1
    assert len(coordinator.all("task_ended")) == 1


async def test_reports_are_sent_until_they_are_acknowledged(
    coordinator: Any, agent: Any, orders: Any
) -> None:
    store(agent.home)
    coordinator.acknowledge = False
    await coordinator.order(orders.prepare(orders.reader_of("n", "t")))
    first = await coordinator.report("job_ready")
    assert list(coordinator.reports) == [1]
    coordinator.reports.clear()
    await coordinator.socket.close()
    assert await coordinator.report("job_ready") == first
    coordinator.reports.clear()
    coordinator.read_to = 1
    await coordinator.socket.close()
    await coordinator.links(3)
    await coordinator.order(orders.prepare(orders.reader_of("n", "t"), epoch=1))
    await coordinator.report("job_ready")
    assert list(coordinator.reports) == [2]
    assert len(set(coordinator.boots)) == 1


async def test_a_killed_task_process_is_a_named_failure(
    coordinator: Any, agent: Any, orders: Any
) -> None:
    started = await start_waiting_task(coordinator, orders)
    os.kill(started.pid, signal.SIGKILL)
    before = time.monotonic()
    ended = await coordinator.report("task_ended")
    assert time.monotonic() - before < 2
    assert ended.status is Status.FAILED
    assert ended.reason.code == "task_process_died"
    assert ended.reason.facts == {"how": "SIGKILL"}
    assert "add_0" in ended.reason.message


async def test_tasks_run_again_after_the_process_they_come_from_was_killed(
    coordinator: Any, agent: Any, orders: Any
) -> None:
    started = await start_waiting_task(coordinator, orders)
    nursery = psutil.Process(started.pid).parent()
    assert nursery is not None
    nursery.kill()
    assert (await coordinator.report("task_ended")).reason.code == "task_process_died"
    store(agent.home)
    reader = orders.reader_of("n", "t")
    await coordinator.order(orders.prepare(reader, epoch=1))
    await coordinator.order(orders.run_task(reader, epoch=1))
    assert (await coordinator.report("task_ended", 1)).status is Status.SUCCESS


async def test_a_cancelled_task_leaves_no_process(
    coordinator: Any, agent: Any, orders: Any, processes: Any
) -> None:
    started = await start_waiting_task(coordinator, orders)
    ok, (line,) = await coordinator.call("waiting", job_id=orders.job)
    assert ok
    assert "waits for" in line["what"]
    assert "host:9999" in line["what"]
    await coordinator.order(CancelTasks(job_id=orders.job, reason="enough"))
    ended = await coordinator.report("task_ended")
    assert ended.status is Status.CANCELED
    assert ended.reason.message == "enough"
    await processes.gone([started.pid], within_s=2)


async def test_two_roles_of_a_party_talk_without_the_coordinator(
    coordinator: Any, agent: Any, orders: Any
) -> None:
    tasks = [add(orders, role) for role in (GUEST, HOST)]
    await coordinator.order(orders.prepare(*tasks, roles=BOTH))
    for task in tasks:
        await coordinator.order(orders.run_task(task, roles=BOTH))
    await coordinator.report("task_ended", 1)
    ended = coordinator.all("task_ended")
    assert [(report.status, report.letters) for report in ended] == [(Status.SUCCESS, 0)] * 2
    assert coordinator.frames.empty()
    assert (await coordinator.call("ledger", job_id=orders.job))[1] == {"rows": []}
    await coordinator.order(CloseJob(job_id=orders.job))
    audit = (agent.home / "audit" / f"{orders.job}.jsonl").read_text().splitlines()
    assert all(json.loads(line)["inside"] for line in audit)
    verify = [sys.executable, "-m", "party_agent", "audit", "verify", orders.job]
    verified = await asyncio.to_thread(subprocess.run, [*verify, "--home", str(agent.home)])
    assert verified.returncode == 0


async def test_an_unforeseen_error_leaves_as_its_type_alone(
    coordinator: Any, agent: Any, orders: Any
) -> None:
    store(agent.home)
    made = f"output_data_{orders.job}_reader_0_0"
    path = agent.home / "tables" / made / "broken.parquet"
    path.parent.mkdir()
    whole = pq.read_table(agent.home / "tables" / "n" / "t.parquet")
    other = whole.rename_columns(["id", "other"]).replace_schema_metadata(whole.schema.metadata)
    pq.write_table(other, path)
    task = orders.brief("data_transform_0", "DataTransform")
    await coordinator.order(orders.prepare(task, orders.reader_of("n", "t")))
    broken = TableName(namespace=made, name="broken")
    data = {"data": (DataInput(component="reader_0", output="data", table=broken),)}
    await coordinator.order(orders.run_task(task, data=data))
    ended = await coordinator.report("task_ended")
    assert ended.reason.code == "component_error"
    assert "ValueError" in ended.reason.message
    assert "columns" not in ended.reason.message
    logs = agent.home / "logs" / orders.job / "guest" / "9999"
    error_log = (logs / "data_transform_0" / "ERROR.log").read_text()
    assert "party_agent/ports.py" in error_log
    assert "do not have the columns" not in error_log
    (fault,) = (agent.home / "faults").iterdir()
    assert "do not have the columns" in fault.read_text()
    assert fault.stat().st_mode & 0o777 == 0o600


async def test_a_job_whose_keys_are_gone_fails_by_name(
    coordinator: Any, agent: Any, orders: Any
) -> None:
    await coordinator.order(orders.run_task(add(orders, GUEST), epoch=7, roles=BOTH))
    ended = await coordinator.report("task_ended")
    assert ended.reason.code == "session_lost"


async def test_a_killed_agent_leaves_no_process_and_tells_at_its_next_start(
    coordinator: Any, agent: Any, orders: Any, processes: Any
) -> None:
    await start_waiting_task(coordinator, orders)
    family = [child.pid for child in psutil.Process(agent.process.pid).children(recursive=True)]
    assert len(family) >= 2
    agent.stop(signal.SIGKILL)
    await processes.gone(family, within_s=5)
    agent.start("--standalone")
    ended = await coordinator.report("task_ended")
    assert ended.reason.code == "agent_restarted"
    assert len(set(coordinator.boots)) == 2


async def test_a_stopped_agent_kills_its_tasks_and_says_so(
    coordinator: Any, agent: Any, orders: Any, processes: Any
) -> None:
    await start_waiting_task(coordinator, orders)
    family = [child.pid for child in psutil.Process(agent.process.pid).children(recursive=True)]
    before = time.monotonic()
    stopping = asyncio.create_task(asyncio.to_thread(agent.stop))
    ended = await coordinator.report("task_ended")
    assert await stopping == 0
    assert time.monotonic() - before < 3
    assert ended.reason.code == "agent_stopped"
    assert not any(map(processes.alive, family))


async def test_a_second_agent_on_a_home_ends_with_75(coordinator: Any, agent: Any) -> None:
    command = [sys.executable, "-m", "party_agent", "run", "--home", str(agent.home)]
    second = await asyncio.to_thread(subprocess.run, command, capture_output=True, timeout=20)
    assert second.returncode == 75
    assert b"another process runs" in second.stderr


async def test_an_agent_does_not_serve_a_coordinator_with_another_key(
    coordinator: Any, agent: Any
) -> None:
    coordinator.identity = Identity.generate()
    coordinator.linked.clear()
    await coordinator.socket.close()
    await agent.said(b"coordinator_key_changed")
    assert not coordinator.linked.is_set()


async def test_a_local_agent_does_not_outlive_its_coordinator_for_long(
    lonely_agent: Any,
) -> None:
    lonely_agent.start("--standalone", "--orphan-timeout", "0.5")
    assert await asyncio.to_thread(lonely_agent.process.wait, 20) == 0
    assert b"stays away" in (lonely_agent.home / "agent.out").read_bytes()


async def test_in_a_cluster_a_grant_is_followed_without_a_restart(
    coordinator: Any, cluster_agent: Any, orders: Any
) -> None:
    store(cluster_agent.home)
    reader = orders.reader_of("n", "t")
    await coordinator.order(orders.prepare(reader))
    (reason,) = (await coordinator.report("job_refused")).reasons
    assert reason.code == "policy_refused"
    assert "party-agent grant --component Reader --role guest --table n/t" in reason.message
    append_grant(cluster_agent.home / "policy.toml", Rule(components=("Reader",), tables=("n/*",)))
    await coordinator.order(orders.prepare(reader, epoch=1))
    assert (await coordinator.report("job_ready")).epoch == 1
    ok, said = await coordinator.call("rows", namespace="n", name="t")
    assert not ok
    assert "--what read" in said["message"]


async def test_a_streamed_file_becomes_a_table_and_leaves_the_spool(
    coordinator: Any, agent: Any, orders: Any
) -> None:
    content = b"id,x\n" + b"".join(b"%d,%d\n" % (row, row) for row in range(200_000))
    sent = await upload(coordinator, content)
    assert sent["size_bytes"] == len(content)
    roles = {LOCAL: ("9999",)}
    params = {"file": "spool:u1", "namespace": "n", "table_name": "up", "head": 1}
    task = orders.brief("upload_0", "Upload", LOCAL, params=params)
    await coordinator.order(orders.prepare(task, roles=roles, initiator_role=LOCAL))
    await coordinator.order(orders.run_task(task, roles=roles))
    ended = await coordinator.report("task_ended")
    (table,) = ended.tables
    assert (table.table.namespace, table.table.name, table.rows) == ("n", "up", 200_000)
    assert list((agent.home / "spool").iterdir()) == []
    assert await download(coordinator, "download_csv", namespace="n", name="up") == content


async def test_logs_come_as_an_archive_without_rows(
    coordinator: Any, agent: Any, orders: Any
) -> None:
    store(agent.home)
    await coordinator.order(orders.prepare(orders.reader_of("n", "t")))
    await coordinator.order(orders.run_task(orders.reader_of("n", "t")))
    await coordinator.report("task_ended")
    packed = await download(coordinator, "log", job_id=orders.job, role="guest")
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        names = archive.getnames()
        texts = [archive.extractfile(name).read() for name in names]  # type: ignore[union-attr]
    levels = ("DEBUG", "ERROR", "INFO", "WARNING")
    assert {f"guest/9999/{level}.log" for level in levels} <= set(names)
    assert {f"guest/9999/reader_0/{level}.log" for level in levels} <= set(names)
    assert CANARY.encode() not in b"".join(texts)


async def test_a_question_nobody_knows_is_answered_with_no(coordinator: Any, agent: Any) -> None:
    ok, said = await coordinator.call("make_coffee")
    assert (ok, said["code"]) == (False, "not_found")
    ok, said = await coordinator.call("rows", namespace="n")
    assert (ok, said["code"]) == (False, "bad_request")
    ok, said = await coordinator.call("rows", namespace="n", name="gone")
    assert (ok, said["code"]) == (False, "table_not_found")


async def upload(coordinator: Any, content: bytes) -> Any:
    """Stream a file to the agent, at its pace."""
    header = {"call_id": "c1", "method": "receive_upload"}
    body = encode({"upload_id": "u1", "filename": "x.csv"})
    await coordinator.send(Frame(FrameKind.CALL, header, body))
    credit, at = 1 << 20, 0
    async with asyncio.timeout(30):
        while True:
            piece = content[at : at + min(credit, 1 << 18)]
            if piece:
                await coordinator.send(Frame(FrameKind.CHUNK, {"call_id": "c1"}, piece))
                at, credit = at + len(piece), credit - len(piece)
                if at == len(content):
                    last = {"call_id": "c1", "last": True}
                    await coordinator.send(Frame(FrameKind.CHUNK, last))
                continue
            frame = await coordinator.frames.get()
            if frame.kind is FrameKind.ANSWER:
                assert frame.header["ok"], decode(frame.body)
                return decode(frame.body)
            credit += frame.header["bytes"]


async def download(coordinator: Any, method: str, **args: Any) -> bytes:
    """Take the bytes of a call."""
    header = {"call_id": "d1", "method": method}
    await coordinator.send(Frame(FrameKind.CALL, header, encode(args)))
    got = b""
    async with asyncio.timeout(30):
        while True:
            frame = await coordinator.frames.get()
            if frame.kind is FrameKind.ANSWER:
                assert frame.header["ok"], decode(frame.body)
                return got
            got += bytes(frame.body)
            more = {"call_id": "d1", "bytes": len(frame.body)}
            await coordinator.send(Frame(FrameKind.CREDIT, more))
