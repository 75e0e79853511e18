"""A model leaves one system as archives and predicts the same in another one."""

import io
import json
import urllib.error
import urllib.request
import zipfile
from pathlib import Path
from typing import Any

import pytest

from coordinator.client import FlowClient
from examples.running import standalone
from tests.together.parts import (
    DEADLINE_S,
    PREDICTING,
    done,
    example,
    predicted,
    upload_breast,
)

SEATS = (("guest", 9999), ("host", 10000), ("arbiter", 10001))


def asked(client: FlowClient, route: str, body: Any, file: bytes | None = None) -> bytes:
    """The bytes of an answer, whatever they are."""
    content, kind = json.dumps(body).encode(), "application/json"
    if file is not None:
        kind = "multipart/form-data; boundary=edge"
        fields = [(f'name="{name}"', str(value).encode()) for name, value in body.items()]
        fields.append(('name="file"; filename="model.zip"', file))
        content = (
            b"".join(
                b"--edge\r\nContent-Disposition: form-data; "
                + head.encode()
                + b"\r\n\r\n"
                + value
                + b"\r\n"
                for head, value in fields
            )
            + b"--edge--\r\n"
        )
    request = urllib.request.Request(
        f"{client.url}/v1/{route}", data=content, headers={"Content-Type": kind}
    )
    try:
        with urllib.request.urlopen(request, timeout=DEADLINE_S) as answer:
            return bytes(answer.read())
    except urllib.error.HTTPError as error:
        return bytes(error.read())


@pytest.fixture(scope="module")
def trained(running: Any) -> Any:
    client = FlowClient(running.url)
    dsl, conf = example("hetero_lr")
    job = done(client, dsl, conf)
    version = client.deploy(job.model_id, job.model_version, components=PREDICTING)
    return client, conf, {"model_id": job.model_id, "model_version": version}


def test_an_imported_model_predicts_the_scores_of_the_exported_one(
    trained: Any, tmp_path: Path
) -> None:
    client, conf, names = trained
    before = predicted(client, conf, **names, folder=tmp_path / "before")
    seats = [{**names, "role": role, "party_id": party} for role, party in SEATS]
    archives = [asked(client, "model/export", seat) for seat in seats]
    with standalone() as other:
        there = FlowClient(other.url)
        upload_breast(there)
        for seat, archive in zip(seats, archives, strict=True):
            answer = json.loads(asked(there, "model/import", {**seat, "file": "m.zip"}, archive))
            assert answer["retcode"] == 0, answer
            again = json.loads(asked(there, "model/import", seat, archive))
            assert again["retcode"] == 409
        after = predicted(there, conf, **names, folder=tmp_path / "after")
        rows = there.call("model/query", {"model_version": names["model_version"]})["data"]
        assert {row["f_imported"] for row in rows} == {1}
    assert after.keys() == before.keys()
    for name, score in before.items():
        assert after[name] == pytest.approx(score, abs=1e-12)


def test_an_archive_is_refused_by_another_seat_and_when_it_was_altered(trained: Any) -> None:
    client, _, names = trained
    guest = {**names, "role": "guest", "party_id": 9999}
    archive = asked(client, "model/export", guest)
    wrong = {**names, "role": "host", "party_id": 10000, "force_update": 1}
    answer = json.loads(asked(client, "model/import", wrong, archive))
    assert answer["retcode"] != 0
    assert "its role is guest, not host" in answer["retmsg"]
    changed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as old, zipfile.ZipFile(changed, "w") as new:
        for entry in old.infolist():
            content = old.read(entry)
            new.writestr(entry, content if entry.filename == "manifest.json" else content[::-1])
    again = {**guest, "force_update": 1}
    answer = json.loads(asked(client, "model/import", again, changed.getvalue()))
    assert "is not the one its manifest names" in answer["retmsg"]


def test_a_stored_model_comes_back(trained: Any) -> None:
    client, _, names = trained
    guest = {**names, "role": "guest", "party_id": 9999}
    kept = client.call("model/store", guest)
    assert kept["retcode"] == 0, kept
    assert client.call("model/restore", guest)["retcode"] == 0
    body = {**guest, "force_update": 1, "sha256": kept["data"]["sha256"]}
    assert client.call("model/restore", body)["retcode"] == 0
    assert "SHA-256" in client.call("model/restore", {**body, "sha256": "0" * 64})["retmsg"]


def test_a_migrated_model_is_of_the_new_parties_and_can_be_exported_for_them(
    trained: Any,
) -> None:
    client, _, names = trained
    body = {
        **names,
        "migrate_initiator": {"role": "guest", "party_id": 99},
        "role": {"guest": [9999], "host": [10000]},
        "migrate_role": {"guest": [99], "host": [100]},
        "execute_party": {"guest": [9999], "host": [10000]},
    }
    answer = client.call("model/migrate", body)
    assert answer["retcode"] == 0, answer
    made = {name: answer["data"][name] for name in ("model_id", "model_version")}
    assert made["model_id"] == "arbiter-10001#guest-99#host-100#model"
    archive = asked(client, "model/export", {**made, "role": "guest", "party_id": 99})
    with zipfile.ZipFile(io.BytesIO(archive)) as file:
        manifest = json.loads(file.read("manifest.json"))
    assert manifest["train"]["conf"]["role"] == {"guest": [99], "host": [100], "arbiter": [10001]}
    assert (manifest["role"], manifest["party_id"]) == ("guest", "99")
    same = {**body, "migrate_role": body["role"]}
    assert client.call("model/migrate", same)["retcode"] == 100


def test_what_is_not_there_is_told_with_http_404(trained: Any) -> None:
    client, _, names = trained
    seat = {**names, "role": "guest", "party_id": 9999, "model_version": "2020"}
    for route in ("model/export", "checkpoint/list"):
        answer = json.loads(asked(client, route, {**seat, "component_name": "hetero_lr_0"}))
        assert answer["retcode"] == 404, answer
