"""Rows pass the coordinator in pieces, and stay with the party whose they are."""

import io
import json
import sys
import tarfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from coordinator.client import FlowClient, FlowError
from examples.running import Standalone
from tests.together.parts import DEADLINE_S, example

ROWS, COLUMNS = 100_000, 20
PARTY = 9999
WIDE = {"namespace": "wide", "name": "rows"}
PEAK_FRACTION = 0.5
"""Of the file; the coordinator holds a few mebibytes of it whatever its size."""


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A file of 100,000 rows and 20 columns."""
    path = tmp_path_factory.mktemp("wide") / "wide.csv"
    generator = np.random.default_rng(11)
    head = ",".join(["id", *(f"x{column}" for column in range(COLUMNS))])
    numbers = generator.integers(0, 10**9, (ROWS, COLUMNS + 1))
    numbers[:, 0] = np.arange(ROWS)
    np.savetxt(path, numbers, "%d", ",", header=head, comments="")
    yield path


def fetched(url: str, route: str, body: dict[str, Any]) -> dict[str, bytes]:
    """The files of an archive."""
    request = urllib.request.Request(f"{url}/v1/{route}", data=json.dumps(body).encode())
    with urllib.request.urlopen(request, timeout=DEADLINE_S) as answer:
        packed = io.BytesIO(answer.read())
    with tarfile.open(fileobj=packed) as tar:
        found = {info.name: tar.extractfile(info) for info in tar}
        return {name: file.read() for name, file in found.items() if file is not None}


def peak_bytes(pid: int, *, reset: bool = False) -> int:
    """The most memory a process has had (since this was last called with `reset`)."""
    if reset:
        Path(f"/proc/{pid}/clear_refs").write_text("5")
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def test_a_table_streams_through_the_coordinator_both_ways(
    running: Standalone, client: FlowClient, wide: Path, tmp_path: Path
) -> None:
    assert running.process is not None
    small = tmp_path / "small.csv"
    small.write_text("id,x0\n1,2\n")
    for file in (small, wide):
        on_linux = sys.platform == "linux"
        before = peak_bytes(running.process.pid, reset=True) if on_linux else 0
        job = client.upload(file, **WIDE, party_id=PARTY, drop=True)
        assert client.wait(job, timeout_s=DEADLINE_S) == "success"
        files = fetched(running.url, "table/download", {**WIDE, "party_id": PARTY})
        assert files["table.csv"] == file.read_bytes()
        grown = (peak_bytes(running.process.pid) - before) if on_linux else 0
    assert grown < PEAK_FRACTION * wide.stat().st_size


def test_files_and_tables_of_a_party_become_one_another(client: FlowClient, tmp_path: Path) -> None:
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text("id,y,x\n1,0,a b\n2,1,\n")
    bound = {"namespace": "bound", "name": "first", "party_id": PARTY}
    file = {"engine": "PATH", "address": {"path": str(source)}, "head": 1, "partitions": 3}
    assert client.ask("table/bind", {**bound, **file, "drop": 1})["table_name"] == "first"
    assert client.ask("table/table_info", bound)["partition"] == 3
    client.ask("data/writer", {**bound, "output_namespace": "bound", "output_name": "second"})
    second = {**bound, "name": "second"}
    schema = client.ask("table/schema/update", {**second, "schema": {"header": "label,text"}})
    assert schema["header"] == "label,text"
    client.ask("table/delete", bound)
    client.ask("data/download", {**second, "output_path": str(target)})
    assert target.read_text() == "id,label,text\n1,0,a b\n2,1,\n"
    with pytest.raises(FlowError, match="already"):
        client.ask("data/download", {**second, "output_path": str(target)})


def test_a_table_that_is_no_table_is_told_by_line(client: FlowClient, tmp_path: Path) -> None:
    source = tmp_path / "ragged.csv"
    source.write_text("id,y\n1,0\n2,1,7\n")
    file = {"engine": "LOCALFS", "address": {"path": str(source)}, "party_id": PARTY}
    with pytest.raises(FlowError, match="line 3"):
        client.ask("table/add", {"namespace": "bound", "name": "ragged", **file})


def test_a_job_does_not_read_a_disabled_table(client: FlowClient) -> None:
    dsl, conf = example("hetero_lr")
    table = conf["component_parameters"]["role"]["guest"]["0"]["reader_0"]["table"]
    client.ask("table/disable", table)
    try:
        with pytest.raises(FlowError, match="disabled"):
            client.submit(dsl, conf)
    finally:
        client.ask("table/enable", table)
