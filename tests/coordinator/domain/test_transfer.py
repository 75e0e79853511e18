"""Models that come and go, as the coordinator sees it: documents, seats, and who is asked."""

import copy
from collections.abc import AsyncIterator
from typing import Any

import pytest

from coordinator.domain.deployment import Models
from coordinator.domain.jobs import Jobs
from coordinator.domain.manifest import BadManifest
from coordinator.domain.migration import Migration, NothingToMigrate
from coordinator.domain.share import Wanted
from coordinator.domain.transfer import ModelIsThere, Transfers
from coordinator.store import SqlStore
from federation.errors import BadRequest, CallFailed, Conflict, ModelNotFound
from federation.spec.orders import RunTask
from federation.spec.party import ARBITER, GUEST, HOST, Party

Json = dict[str, Any]

GUEST_SEAT = Party(GUEST, "9999")


@pytest.fixture
def models(store: SqlStore, agents: Any, clock: Any, jobs: Jobs) -> Models:
    return Models(store, agents, clock, jobs.next_id)


@pytest.fixture
def transfers(store: SqlStore, agents: Any, clock: Any, models: Models, jobs: Jobs) -> Transfers:
    return Transfers(store, agents, clock, models, jobs.next_id)


@pytest.fixture
async def wanted(jobs: Jobs, agents: Any, models: Models, dsl: Json, conf: Json) -> Wanted:
    """The guest's share of a deployed version."""
    trained = await jobs.submit(dsl, conf)
    await agents.quiet()
    version = (await models.deploy(trained.model_id, trained.job_id)).model_version
    return Wanted(trained.model_id, version, GUEST_SEAT)


def foreign(model_id: str, seat: Party, dsl: Json, conf: Json, **changes: Any) -> Json:
    """What an agent tells of an archive that came from elsewhere."""
    entry = {
        "component": "hetero_lr_0",
        "output": "hetero_lr",
        "model_id": model_id,
        "model_version": "202001010000000000001",
        "sha256": "d",
        "size_bytes": 3,
    }
    train = {
        "model_version": "202001010000000000001",
        "dsl": dsl,
        "conf": conf,
        "created_ms": 1,
        "ended_ms": 2,
    }
    manifest = {"train": train, "deployed": None, "components": [entry], **changes}
    return {"manifest": manifest, "sha256": "s"}


async def test_a_share_is_asked_of_its_party_with_its_documents(
    transfers: Transfers, agents: Any, wanted: Wanted
) -> None:
    share = await transfers.share(wanted)
    blocks = [block async for block in transfers.export(share)]
    party, method, args = agents.asked[-1]
    assert (party, method, blocks) == ("9999", "export_model", [b"id,x\n"])
    assert {part["component"] for part in args["parts"]} == {"dataio_0", "hetero_lr_0"}
    assert (args["about"]["role"], args["about"]["party_id"]) == ("guest", "9999")
    assert args["about"]["deployed"] is not None


async def test_a_seat_that_has_nothing_of_a_version_has_no_share(
    transfers: Transfers, wanted: Wanted
) -> None:
    stranger = Wanted(wanted.model_id, wanted.model_version, Party(HOST, "7"))
    with pytest.raises(ModelNotFound):
        await transfers.share(stranger)


async def bytes_of(*blocks: bytes) -> AsyncIterator[bytes]:
    for block in blocks:
        yield block


async def test_an_archive_of_what_is_there_is_taken_only_by_force(
    transfers: Transfers, agents: Any, wanted: Wanted
) -> None:
    agents.asked.clear()
    with pytest.raises(ModelIsThere):
        await transfers.take(wanted, bytes_of(b"zip"))
    assert agents.asked == []


async def test_what_is_stored_and_there_is_restored_and_known_as_before(
    transfers: Transfers, models: Models, agents: Any, wanted: Wanted
) -> None:
    share = await transfers.share(wanted)
    entries = [
        {**entry, "sha256": part.digest, "size_bytes": part.size_bytes}
        for entry, part in zip(share.args()["parts"], share.parts, strict=True)
    ]
    agents.answers["restore_model"] = {
        "manifest": {**share.about(), "components": entries},
        "sha256": "s",
    }
    assert await transfers.restore(wanted) == "s"
    found = await models.get(wanted.model_id, wanted.model_version)
    assert await transfers.origins(found) == []
    assert await transfers.share(wanted) == share


async def test_another_model_of_a_version_is_refused_with_what_to_do(
    transfers: Transfers, agents: Any, wanted: Wanted
) -> None:
    agents.answers["restore_model"] = CallFailed("9999", "restore_model", "model_exists", "no")
    with pytest.raises(ModelIsThere, match=r"another model of version .* set force_update"):
        await transfers.restore(wanted)
    agents.answers["restore_model"] = CallFailed("9999", "restore_model", "bad_archive", "no")
    with pytest.raises(CallFailed, match="says no to restore_model"):
        await transfers.restore(wanted)


async def test_an_imported_version_is_known_and_predicts_with_the_imported_models(
    transfers: Transfers,
    models: Models,
    jobs: Jobs,
    agents: Any,
    dsl: Json,
    conf: Json,
) -> None:
    version = "202001010000000000009"
    deployed = copy.deepcopy(dsl)
    for node in deployed["components"].values():
        node.get("output", {}).pop("model", None)
    lr = deployed["components"]["hetero_lr_0"]
    lr["input"] = {
        "data": {"test_data": ["dataio_0.data"]},
        "model": ["pipeline.hetero_lr_0.hetero_lr"],
    }
    for seat in (GUEST_SEAT, Party(HOST, "10000"), Party(ARBITER, "10000")):
        told = foreign("m", seat, dsl, conf, deployed={"dsl": deployed, "created_ms": 3})
        agents.answers["restore_model"] = told
        await transfers.restore(Wanted("m", version, seat))
    found = await models.get("m", version)
    assert found.train.job_id == "202001010000000000001"
    assert {o.origin for o in await transfers.origins(found)} == {"imported"}
    agents.taken.clear()
    common = {"job_type": "predict", "model_id": "m", "model_version": version}
    job = await jobs.submit({}, {**copy.deepcopy(conf), "job_parameters": {"common": common}})
    await agents.quiet()
    assert (await jobs.get(job.job_id)).status == "success"
    orders = [order for _, order in agents.taken if isinstance(order, RunTask)]
    used = {(m.model_id, m.model_version) for order in orders for m in order.model}
    assert used == {("m", "202001010000000000001")}


@pytest.mark.parametrize(
    "changes",
    [
        {"train": None},
        {"train": {"model_version": "1"}},
        {"deployed": {"dsl": {"components": {}}, "created_ms": 3}},
        {"train": {"model_version": "x", "dsl": {}, "conf": {}, "created_ms": 1, "ended_ms": 2}},
    ],
)
async def test_an_archive_whose_documents_make_no_sense_is_refused(
    transfers: Transfers, models: Models, agents: Any, dsl: Json, conf: Json, changes: Json
) -> None:
    agents.answers["restore_model"] = foreign("m", GUEST_SEAT, dsl, conf, **changes)
    with pytest.raises(BadManifest):
        await transfers.restore(Wanted("m", "202001010000000000001", GUEST_SEAT))
    assert await models.find("m") == []


async def test_an_archive_of_a_party_that_took_no_part_is_refused(
    transfers: Transfers, agents: Any, dsl: Json, conf: Json
) -> None:
    seat = Party(HOST, "9999")
    agents.answers["restore_model"] = foreign("m", seat, dsl, conf)
    with pytest.raises(BadManifest, match="host:9999 took no part"):
        await transfers.restore(Wanted("m", "202001010000000000001", seat))


async def test_another_training_under_a_known_name_is_refused(
    transfers: Transfers, agents: Any, dsl: Json, conf: Json
) -> None:
    version = "202001010000000000001"
    agents.answers["restore_model"] = foreign("m", GUEST_SEAT, dsl, conf)
    await transfers.restore(Wanted("m", version, GUEST_SEAT))
    other = copy.deepcopy(conf)
    other["component_parameters"]["common"]["hetero_lr_0"]["max_iter"] = 99
    agents.answers["restore_model"] = foreign("m", GUEST_SEAT, dsl, other)
    with pytest.raises(Conflict, match="another training"):
        await transfers.restore(Wanted("m", version, Party(HOST, "10000")))


def migration(wanted: Wanted, **changes: Any) -> Migration:
    given: Json = {
        "roles": {GUEST: ("9999",)},
        "new_roles": {GUEST: ("99",)},
        "initiator": Party(GUEST, "99"),
        **changes,
    }
    return Migration(wanted.model_id, wanted.model_version, **given)


async def test_a_migrated_version_has_the_new_party_and_the_old_ones_files(
    transfers: Transfers, models: Models, agents: Any, wanted: Wanted
) -> None:
    done = await transfers.migrate(migration(wanted))
    assert done.model_id == "arbiter-10000#guest-99#host-10000#model"
    found = await models.get(done.model_id, done.model_version)
    assert found.train.roles[GUEST] == ("99",)
    assert found.train.initiator == Party(GUEST, "99")
    assert found.deployed is not None
    share = await transfers.share(Wanted(done.model_id, done.model_version, Party(GUEST, "99")))
    assert share.holder == "9999"
    copied = [args for _, method, args in agents.asked if method == "copy_model"]
    assert copied[0]["to"] == [done.model_id, found.train.model_version]
    assert {p.model_version for p in share.parts} == {found.train.model_version}


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"new_roles": {GUEST: ("9999",)}}, NothingToMigrate),
        ({"new_roles": {GUEST: ("98", "99")}}, BadRequest),
        ({"roles": {GUEST: ("5",)}}, BadRequest),
        ({"execute": frozenset({Party(HOST, "10000")})}, BadRequest),
    ],
)
async def test_a_migration_that_makes_no_sense_changes_nothing(
    transfers: Transfers, models: Models, wanted: Wanted, changes: Json, error: type[Exception]
) -> None:
    before = await models.find()
    with pytest.raises(error):
        await transfers.migrate(migration(wanted, **changes))
    assert await models.find() == before
