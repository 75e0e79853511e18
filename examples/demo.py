"""The main story, told by real processes: python -m examples.demo [--keep].

A coordinator and three party agents (guest, host, arbiter) start as four processes with keys of
their own; breast cancer data, split by column, is uploaded to its owners; one logistic regression
is fitted over both without a row leaving home. Then: how good it is beside a fit on the pooled
columns, and what left each party.
"""

import argparse
import json
import signal
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from coordinator.client import FlowClient, FlowError, Submitted
from examples import pooled
from examples.running import Standalone, standalone
from federation.spec.ledger import totals

HERE = Path(__file__).parent
DATA = HERE / "data" / "breast"
OWNERS = {"guest": 9999, "host": 10000}
_LOOK_S = 0.1

console = Console(highlight=False)


def main() -> int:
    """Run the story; 0 when the job succeeded and agrees with the pooled fit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", action="store_true", help="keep everything running until Ctrl-C")
    parser.add_argument("--port", type=int, default=None, help="HTTP port; a free one by default")
    arguments = parser.parse_args()
    port = arguments.port if arguments.port is not None else (9380 if arguments.keep else 0)
    try:
        with standalone(port) as running:
            good = story(running, kept=arguments.keep)
            if arguments.keep:
                keep(running)
            return 0 if good else 1
    except (FlowError, RuntimeError) as error:
        console.print(f"[red]{error}[/red]")
        return 1
    except KeyboardInterrupt:
        console.print("stopped")
        return 0 if arguments.keep else 130


def story(running: Standalone, *, kept: bool) -> bool:
    """Upload, fit, compare, show the ledger; whether all went well."""
    client = FlowClient(running.url)
    console.print(f"coordinator at {running.url}, agents start when they are named")
    for name, party in OWNERS.items():
        job = client.upload(DATA / f"{name}.csv", namespace="breast", name=name, party_id=party)
        client.wait(job, timeout_s=60)
        count = client.table("breast", name)["count"]
        console.print(f"uploaded breast.{name}: {count} rows, kept by party {party}")
    job, took_s = run_job(client)
    row = client.job(job.job_id)
    if row["f_status"] != "success":
        console.print(f"[red]job {job.job_id} ended in {row['f_status']}[/red]")
        console.print_json(json.dumps(client.ask("tripact/job/why", {"job_id": job.job_id})))
        return False
    good = compare(client, job, took_s)
    show_ledger(client, job)
    show_next(running, job, kept=kept)
    return good


def run_job(client: FlowClient) -> tuple[Submitted, float]:
    """Post the job of `hetero_lr` and follow it; the job and its wall time in seconds."""
    dsl, conf = (
        json.loads((HERE / "hetero_lr" / f"{name}.json").read_text()) for name in ("dsl", "conf")
    )
    started = time.perf_counter()
    job = client.submit(dsl, conf)
    console.print(f"job {job.job_id}: " + " -> ".join(dsl["components"]))
    with Progress(console=console, transient=True) as bar:
        line = bar.add_task("running", total=100)
        client.wait(
            job, timeout_s=300, seen=lambda row: bar.update(line, completed=row["f_progress"])
        )
    return job, time.perf_counter() - started


def compare(client: FlowClient, job: Submitted, took_s: float) -> bool:
    """Print federated beside pooled AUC; whether they agree to 1e-4."""
    metrics = client.metrics(job.job_id, "evaluation_0")["train"]["hetero_lr_0"]["data"]
    federated = dict(metrics)["auc"]
    conf = json.loads((HERE / "hetero_lr" / "conf.json").read_text())
    fitted = conf["component_parameters"]["common"]["hetero_lr_0"]
    features, labels = pooled.read_joined(DATA / "guest.csv", DATA / "host.csv")
    weights = pooled.fit(
        features,
        labels,
        epochs=fitted["max_iter"],
        learning_rate=fitted["learning_rate"],
        alpha=fitted["alpha"],
    )
    alone = pooled.auc(labels, pooled.scores(features, weights))
    console.print(f"\njob wall time          {took_s:8.2f} s")
    console.print(f"federated AUC          {federated:8.6f}   no row left its party")
    console.print(f"pooled-data AUC        {alone:8.6f}   the same recurrence over all columns\n")
    return bool(abs(federated - alone) < 1e-4)


def show_ledger(client: FlowClient, job: Submitted) -> None:
    """Print what left each party, by component and letter."""
    table = Table(title="What left each party (sealed; from each party's own audit file)")
    for heading in ("party", "component", "letter", "to", "type"):
        table.add_column(heading)
    for heading in ("letters", "bytes"):
        table.add_column(heading, justify="right")
    for party, rows in sorted(client.ledger(job.job_id).items()):
        for one in totals(rows):
            component, tag, _, receiver, kind = one.kind
            table.add_row(party, component, tag, receiver, kind, f"{one.letters}", f"{one.bytes:,}")
    console.print(table)


def show_next(running: Standalone, job: Submitted, *, kept: bool) -> None:
    """Print what to try next."""
    seat = f"-j {job.job_id} -r guest -p 9999"
    commands = (
        f"export TRIPACT_URL={running.url}",
        f"flow-client component metric-all {seat} -cpn evaluation_0",
        f"flow-client component get-summary {seat} -cpn hetero_lr_0",
        "flow-client job submit -c examples/hetero_lr_v1/conf.json"
        " -d examples/hetero_lr_v1/dsl.json --wait",
    )
    console.print("\nNext:" if kept else "\nNext: `make up` keeps all this running; then try")
    for command in commands if kept else commands[3:]:
        console.print(f"  {command}", soft_wrap=True)


def keep(running: Standalone) -> None:
    """Stay until Ctrl-C, or until the coordinator ends.

    The signal is only noted: an exception out of the blue could come while something is printed,
    and be lost there.
    """
    asked: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: asked.append(number))
    try:
        console.print(f"\nrunning at {running.url}; Ctrl-C stops everything")
        while not asked and running.process is not None and running.process.poll() is None:
            time.sleep(_LOOK_S)
    finally:
        signal.signal(signal.SIGINT, before)
    console.print("stopped")


if __name__ == "__main__":
    sys.exit(main())
