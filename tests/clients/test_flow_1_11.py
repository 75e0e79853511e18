"""`flow` of fate-client 1.11.3: the commands that older clients do not have."""

import re
from pathlib import Path

import pytest

from coordinator.client import FlowClient
from tests.clients.flow import GUEST_SEAT, Flow, Trained, of
from tests.clients.jobs import COMPONENTS, WAIT_S, training
from tests.together.parts import BREAST

pytestmark = pytest.mark.parametrize("flow", ["fate-client-1.11.3"], indirect=True)


# --- job -----------------------------------------------------------------------------------------


def test_job_stop_parameter_update_and_rerun_work_on_the_stored_job(
    flow: Flow, server: FlowClient
) -> None:
    dsl, conf = training(max_iter=100)
    taken = flow.done(
        *("job", "submit", "-c", flow.document("long.json", conf)),
        *("-d", flow.document("dsl.json", dsl)),
    )
    job_id = taken["jobId"]
    flow.done("job", "stop", "-j", job_id)
    (row,) = flow.done("job", "query", "-j", job_id, *GUEST_SEAT)["data"]
    assert row["f_status"] == "canceled"
    changed = {"component_parameters": {"common": {"hetero_lr_0": {"max_iter": 2}}}}
    said = flow.done(
        "job", "parameter-update", "-j", job_id, "-c", flow.document("param.json", changed)
    )
    assert said["data"]["components"] == ["hetero_lr_0"]
    flow.done("job", "rerun", "-j", job_id)
    assert server.wait(job_id, timeout_s=WAIT_S) == "success"
    said = flow.done("component", "parameters", "-j", job_id, *GUEST_SEAT, "-cpn", "hetero_lr_0")
    assert said["data"]["ComponentParam"]["max_iter"] == 2
    before = versions(flow, job_id)
    flow.done("job", "rerun", "-j", job_id, "-cpn", "evaluation_0", "--force")
    assert server.wait(job_id, timeout_s=WAIT_S) == "success"
    after = versions(flow, job_id)
    assert after["evaluation_0"] == before["evaluation_0"] + 1
    assert after["hetero_lr_0"] == before["hetero_lr_0"]


def versions(flow: Flow, job_id: str) -> dict[str, int]:
    rows = flow.done("task", "query", "-j", job_id, *GUEST_SEAT)["data"]
    return {
        name: max(row["f_task_version"] for row in rows if row["f_component_name"] == name)
        for name in COMPONENTS
    }


# --- tracking ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "component"),
    [
        ("metrics", "evaluation_0"),
        ("metric-all", "evaluation_0"),
        ("parameters", "hetero_lr_0"),
        ("output-model", "hetero_lr_0"),
        ("output-data-table", "hetero_lr_0"),
        ("get-summary", "hetero_lr_0"),
    ],
)
def test_tracking_prints_what_component_prints(
    flow: Flow, trained: Trained, command: str, component: str
) -> None:
    said = flow.done("tracking", command, *of(trained, component))
    assert said["data"]
    assert said == flow.done("component", command, *of(trained, component))


def test_tracking_unpacks_output_data(flow: Flow, trained: Trained, tmp_path: Path) -> None:
    said = flow.done("tracking", "output-data", *of(trained, "hetero_lr_0"), "-o", tmp_path)
    assert len((Path(said["directory"]) / "data.csv").read_text().splitlines()) == 570


# --- queue ---------------------------------------------------------------------------------------


def test_queue_clean_leaves_no_job_waiting(flow: Flow) -> None:
    flow.done("queue", "clean")
    assert flow.done("job", "query", "-s", "waiting")["data"] == []


# --- the server ----------------------------------------------------------------------------------


def test_providers_and_components_are_listed(flow: Flow) -> None:
    ((name, versions),) = flow.done("provider", "list")["data"].items()
    assert flow.done("provider", "list", "-n", name)["data"] == versions
    ((_, provider),) = versions.items()
    assert "heterolr" in provider["components"]
    components = flow.done("provider", "list-components")["data"]
    assert components["HeteroLR"]["default_provider"]


def test_server_versions_name_fate(flow: Flow) -> None:
    data = flow.done("server", "versions")["data"]
    assert data["FATE"].startswith("1.")
    assert data["API"] == "v1"


def test_the_service_registry_names_the_server(flow: Flow, server: FlowClient) -> None:
    data = flow.done("service", "registry")["data"]
    assert data["fateflow"]["http_port"] == int(server.url.rsplit(":", 1)[1])


def test_resources_of_running_jobs_are_told(flow: Flow) -> None:
    data = flow.done("resource", "query")["data"]
    assert isinstance(data["use_resource_job"], list)
    assert data["computing_engine_resource"]["f_engine_type"] == "computing"


def test_the_key_of_a_party_is_told(flow: Flow) -> None:
    assert len(bytes.fromhex(flow.done("key", "query", "-p", 9999)["data"])) == 32


# --- FATE's own tests of an installation ---------------------------------------------------------


def test_the_toy_test_prints_what_secure_addition_logged(flow: Flow) -> None:
    said = flow.box.run("flow", "test", "toy", "-gid", "9999", "-hid", "10000", limit_s=WAIT_S)
    assert "is success" in said
    lines = [line for line in said.splitlines() if "secure_add_guest" in line]
    assert any("success to calculate secure_sum" in line for line in lines), said


def test_the_minimal_test_trains_to_the_auc_it_expects_deploys_and_predicts(
    flow: Flow, server: FlowClient
) -> None:
    for name, party_id in (("guest", 9999), ("host", 10000)):
        named = {"namespace": "experiment", "name": f"breast_hetero_{name}"}
        job = server.upload(BREAST / f"{name}.csv", **named, party_id=party_id, drop=True)
        assert server.wait(job, timeout_s=WAIT_S) == "success"
    where = ("--ip", "127.0.0.1", "--port", server.url.rpartition(":")[2])
    flow.box.run("pipeline", "init", *where, "-d", str(flow.box.work / "logs"))
    parties = ("-gid", "9999", "-hid", "10000", "-aid", "10000")
    said = flow.box.run("flow", "test", "min", "--no-sbt", *parties, limit_s=WAIT_S)
    assert "Traceback" not in said
    assert "lower than expect" not in said
    trained, predicted = re.findall(r"Job is success!!! Job id is (\d+)", said)
    kinds = [server.ask("job/config", {"job_id": job_id}) for job_id in (trained, predicted)]
    assert [kind["runtime_conf"]["job_parameters"]["common"]["job_type"] for kind in kinds] == [
        "train",
        "predict",
    ]
