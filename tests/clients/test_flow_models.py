"""`flow` of both clients on models: online, moved as archives, their checkpoints and parts."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from coordinator.client import FlowClient
from tests.clients.flow import GUEST_SEAT, Flow, Trained, model
from tests.clients.jobs import COMPONENTS
from tests.clients.online import asked_online
from tests.together.parts import done, example

NEWER = pytest.mark.parametrize("flow", ["fate-client-1.11.3"], indirect=True)


@pytest.fixture(scope="module")
def deployed(flow: Flow, trained: Trained) -> Trained:
    """The training, deployed."""
    kept = ",".join(COMPONENTS[:-1])
    said = flow.done("model", "deploy", *model(trained), "--cpn-list", kept)["data"]
    return Trained(trained.job_id, said["model_id"], said["model_version"])


def at_guest(deployed: Trained, **more: Any) -> dict[str, Any]:
    """A conf that names the guest's part of a model."""
    names = {"model_id": deployed.model_id, "model_version": deployed.model_version}
    return {**names, "role": "guest", "party_id": 9999, **more}


def online(deployed: Trained, **more: Any) -> dict[str, Any]:
    """A conf of load and bind, as FATE's examples have it."""
    return {
        "initiator": {"party_id": "9999", "role": "guest"},
        "role": {"guest": ["9999"], "host": ["10000"], "arbiter": ["10000"]},
        "job_parameters": {
            "work_mode": 1,
            "model_id": deployed.model_id,
            "model_version": deployed.model_version,
        },
        "servings": ["127.0.0.1:8000"],
        **more,
    }


def test_a_model_that_is_loaded_and_bound_answers_online(
    flow: Flow, deployed: Trained, server: FlowClient
) -> None:
    said = flow.done("model", "load", "-c", flow.document("load.json", online(deployed)))
    assert (said["data"]["guest"], said["data"]["host"]) == ({"9999": 0}, {"10000": 0})
    assert said["data"]["detail"]["host"]["10000"]["retcode"] == 0
    flow.done("model", "load", "-j", deployed.model_version)
    service = f"of_{deployed.model_version}"
    conf = flow.document("bind.json", online(deployed, service_id=service))
    assert flow.done("model", "bind", "-c", conf)["retmsg"] == f"service id is {service}"
    answer = asked_online(server, service)
    assert answer["retcode"] == 0, answer
    assert 0 < answer["data"]["score"] < 1


def test_a_model_that_is_not_deployed_is_not_loaded(flow: Flow, trained: Trained) -> None:
    assert "deploy" in flow.refused("model", "load", "-j", trained.job_id)


def test_a_model_is_exported_as_an_archive_and_imported_where_it_is_not(
    flow: Flow, deployed: Trained, tmp_path: Path
) -> None:
    conf = at_guest(deployed, output_path=str(tmp_path))
    said = flow.done("model", "export", "-c", flow.document("export.json", conf))
    assert zipfile.is_zipfile(said["file"])
    back = flow.document("import.json", at_guest(deployed, file=said["file"]))
    again = flow("model", "import", "-c", back)
    assert again["retcode"] == 409
    assert deployed.model_version in again["retmsg"]


def test_the_archive_of_an_unknown_model_is_a_printed_no(
    flow: Flow, deployed: Trained, tmp_path: Path
) -> None:
    unknown = {**at_guest(deployed, output_path=str(tmp_path)), "model_version": "v"}
    assert flow.refused("model", "export", "-c", flow.document("unknown.json", unknown))
    assert not list(tmp_path.iterdir())


def test_a_model_is_stored_and_restored_where_it_is_still_there(
    flow: Flow, deployed: Trained
) -> None:
    conf = flow.document("store.json", at_guest(deployed, file="unused"))
    said = flow.done("model", "export", "-c", conf, "--to-database")
    assert said["jobId"]
    back = flow.done("model", "import", "-c", conf, "--from-database")
    assert back["data"]["model_version"] == deployed.model_version
    assert back["data"]["sha256"] == said["data"]["sha256"]


def test_a_model_is_migrated_to_other_parties_under_a_version_of_its_own(
    flow: Flow, deployed: Trained
) -> None:
    seats = {"guest": [9999], "host": [10000], "arbiter": [10000]}
    conf = {
        "job_parameters": {"federated_mode": "MULTIPLE"},
        "migrate_initiator": {"role": "guest", "party_id": 99},
        "role": seats,
        "migrate_role": {**seats, "guest": [99]},
        "execute_party": seats,
        "model_id": deployed.model_id,
        "model_version": deployed.model_version,
        "unify_model_version": f"{deployed.model_version}_moved",
    }
    said = flow.done("model", "migrate", "-c", flow.document("migrate.json", conf))
    assert said["data"]["guest"] == {"9999": 0}
    assert said["data"]["detail"]["guest"]["9999"]["retcode"] == 0
    same = flow.document("same.json", {**conf, "migrate_role": seats})
    assert flow.refused("model", "migrate", "-c", same)


@NEWER
def test_a_replaced_model_is_one_that_was_asked_for(
    flow: Flow, deployed: Trained, tmp_path: Path
) -> None:
    conf = at_guest(deployed, output_path=str(tmp_path))
    said = flow.done("model", "export", "-c", flow.document("export.json", conf))
    back = at_guest(deployed, file=said["file"], force_update=True)
    flow.done("model", "import", "-c", flow.document("import.json", back))


@NEWER
def test_vertical_models_become_no_files_and_are_deployed_nowhere_else(
    flow: Flow, deployed: Trained
) -> None:
    conf = flow.document("homo.json", at_guest(deployed))
    assert "HomoLR" in flow.refused("model", "homo-convert", "-c", conf)
    more = {
        "service_id": "s",
        "component_name": "homo_lr_0",
        "deployment_type": "kfserving",
        "deployment_parameters": {},
    }
    conf = flow.document("homo.json", at_guest(deployed, **more))
    assert "model/load" in flow.refused("model", "homo-deploy", "-c", conf)


@NEWER
def test_checkpoints_are_listed_and_a_missing_one_is_told(flow: Flow, trained: Trained) -> None:
    where = (*model(trained), *GUEST_SEAT, "-cpn", "hetero_lr_0")
    assert flow.done("checkpoint", "list", *where)["data"] == []
    assert flow.refused("checkpoint", "get", *where, "--step-index", 1)


@NEWER
def test_parts_that_are_not_merged_are_not_written(
    flow: Flow, trained: Trained, tmp_path: Path
) -> None:
    (tmp_path / "woe.json").write_text("{}")
    where = (*model(trained), "-cpn", "hetero_lr_0")
    merged, extracted = tmp_path / "m.xml", tmp_path / "w.json"
    assert "model/export" in flow.refused(
        *("component", "hetero-model-merge", *where, "-gid", 9999, "-hids", "10000"),
        *("--model-type", "secureboost", "--output-format", "pmml", "-o", merged),
    )
    none = flow.refused("component", "woe-array-extract", *where, *GUEST_SEAT, "-o", extracted)
    assert "no weights of evidence" in none
    host = ("-r", "host", "-p", 10000)
    woe = ("-i", tmp_path / "woe.json")
    assert "bin_num" in flow.refused("component", "woe-array-merge", *where, *host, *woe)
    assert not merged.exists()
    assert not extracted.exists()


@NEWER
def test_weights_of_evidence_of_hosts_are_written_as_the_guest_knows_them(
    flow: Flow, server: FlowClient, tmp_path: Path
) -> None:
    job = done(server, *example("hetero_binning"))
    where = ("--model-id", job.model_id, "--model-version", job.model_version)
    file, name = tmp_path / "woe.json", "hetero_feature_binning_0"
    flow.box.run(
        *("flow", "component", "woe-array-extract", *where),
        *("-r", "guest", "-p", "9999", "-cpn", name, "-o", str(file)),
    )
    found = json.loads(file.read_text())
    body = {"job_id": job.job_id, "role": "guest", "party_id": 9999, "component_name": name}
    (host,) = server.ask("tracking/component/output/model", body)["hostResults"]
    assert found == {
        host["partyId"]: {
            column: bins["woeArray"] for column, bins in host["binningResult"].items()
        }
    }
    assert all(len(woe) > 1 for woe in found[host["partyId"]].values())
