"""Promises and keys: two parties agree on keys, or know by name why not."""

from pathlib import Path
from typing import Any

import pytest

from federation.components.registry import find_component
from federation.components.toys.secure_add import secure_add
from federation.program.background import Background
from federation.spec.orders import (
    JobReady,
    JobRefused,
    OpenSession,
    PrepareJob,
    RunTask,
    SessionKeys,
    SessionOpened,
    TableName,
    TaskBrief,
)
from federation.spec.party import GUEST, HOST, Party, Role
from federation.wire.identity import Identity, fingerprint
from party_agent.checks import Checks
from party_agent.direct import DirectLinks
from party_agent.home import Home
from party_agent.journal import Journal
from party_agent.peers import Peers
from party_agent.policy import Rules
from party_agent.sessions import Sessions, attempt_keys, partners
from party_agent.tables import TableStore

JOB = "202611210000000000000"
ROLES = {GUEST: ("9999",), HOST: ("10000",)}


class Side:
    """One party, without a process."""

    def __init__(self, root: Path, party_id: str, *, standalone: bool = True) -> None:
        self.home = Home(root / party_id)
        self.party_id = party_id
        self.identity = Identity.generate()
        self.rules = Rules(self.home.policy, self.home.root, standalone=standalone)
        self.peers = Peers(Journal(self.home.database), self.rules, self.home)
        upload_from = None if standalone else (root / "in",)
        self.tables = TableStore(self.home.tables)
        checks = Checks(party_id, self.rules, self.peers, self.tables, upload_from)
        direct = DirectLinks(self.identity, party_id, lambda _: None, Background())
        self.sessions = Sessions(self.identity, party_id, checks, direct)

    def policy(self, text: str) -> None:
        self.home.policy.write_text(text)


class Two:
    def __init__(self, root: Path) -> None:
        self.guest, self.host = Side(root, "9999"), Side(root, "10000")
        self.keys = {s.party_id: s.identity.public for s in (self.guest, self.host)}

    def order(self, role: Role, **changes: Any) -> PrepareJob:
        task = TaskBrief(
            task_id=f"{JOB}_add_0", component="add_0", module="SecureAddExample", role=role, index=0
        )
        given = {"roles": ROLES, "tasks": (task,), "epoch": 1, "keys": self.keys, **changes}
        return PrepareJob(
            job_id=JOB,
            digest=bytes(32),
            initiator_role=GUEST,
            initiator_party_id="9999",
            **given,
        )

    def offers(self, **changes: Any) -> dict[str, bytes]:
        ready = {
            "9999": self.guest.sessions.prepare(self.order(GUEST)),
            "10000": self.host.sessions.prepare(self.order(HOST, **changes)),
        }
        assert all(isinstance(answer, JobReady) for answer in ready.values())
        return {party: answer.offer for party, answer in ready.items()}  # type: ignore[union-attr]

    def open(self, side: Side, offers: dict[str, bytes]) -> SessionOpened | None:
        return side.sessions.open(OpenSession(job_id=JOB, epoch=1, offers=offers))


@pytest.fixture
def two(tmp_path: Path) -> Two:
    return Two(tmp_path)


def run(role: Role, **changes: Any) -> RunTask:
    task = TaskBrief(
        task_id=f"{JOB}_add_0", component="add_0", module="SecureAddExample", role=role, index=0
    )
    return RunTask(
        job_id=JOB,
        epoch=1,
        task=task,
        version=0,
        roles=ROLES,
        model_id="m",
        model_version=JOB,
        **changes,
    )


async def test_two_parties_get_the_same_keys_each_for_its_direction(two: Two) -> None:
    offers = two.offers()
    letters = {s.party_id: two.open(s, offers) for s in (two.guest, two.host)}
    for side, peer in ((two.guest, "10000"), (two.host, "9999")):
        opened = letters[peer]
        assert opened is not None
        secret = {peer: opened.letters[side.party_id]}
        side.sessions.take_keys(SessionKeys(job_id=JOB, epoch=1, letters=secret))
    keys = {}
    for side, role in ((two.guest, GUEST), (two.host, HOST)):
        membership = side.sessions.find(JOB, 1)
        assert membership is not None
        assert membership.settled.is_set()
        assert membership.failure is None
        me = Party(role, side.party_id)
        seats = partners(run(role), secure_add, me)
        (keys[role],) = attempt_keys(membership, run(role), me, seats).values()
    assert keys[GUEST].sending == keys[HOST].receiving
    assert keys[GUEST].receiving == keys[HOST].sending
    assert keys[GUEST].sending != keys[GUEST].receiving


async def test_parties_that_were_told_of_different_roles_do_not_open_a_session(two: Two) -> None:
    offers = two.offers()
    other = two.order(HOST, roles={GUEST: ("10000",), HOST: ("9999",)})
    answer = two.host.sessions.prepare(other.model_copy(update={"tasks": ()}))
    assert isinstance(answer, JobReady)
    assert two.open(two.guest, {**offers, "10000": answer.offer}) is None
    membership = two.guest.sessions.find(JOB, 1)
    assert membership is not None
    assert membership.failure is not None
    assert membership.failure.code == "wrong_session"


async def test_an_offer_of_another_key_fails_the_session_by_name(two: Two, tmp_path: Path) -> None:
    offers = two.offers()
    thief = Two(tmp_path / "thief")
    thief.keys = two.keys
    answer = thief.host.sessions.prepare(two.order(HOST))
    assert isinstance(answer, JobReady)
    assert two.open(two.guest, {**offers, "10000": answer.offer}) is None
    membership = two.guest.sessions.find(JOB, 1)
    assert membership is not None
    assert membership.failure is not None
    assert membership.failure.code == "bad_signature"


async def test_a_missing_offer_fails_the_session_instead_of_waiting(two: Two) -> None:
    offers = two.offers()
    del offers["10000"]
    assert two.open(two.guest, offers) is None
    membership = two.guest.sessions.find(JOB, 1)
    assert membership is not None
    assert membership.settled.is_set()


async def test_a_new_epoch_takes_the_place_of_the_one_before(two: Two) -> None:
    two.guest.sessions.prepare(two.order(GUEST))
    two.guest.sessions.prepare(two.order(GUEST, epoch=2))
    assert two.guest.sessions.find(JOB, 1) is None
    assert two.guest.sessions.find(JOB, 2) is not None
    two.guest.sessions.close(JOB)
    assert two.guest.sessions.find(JOB, 2) is None


def refusals(side: Side, order: PrepareJob) -> dict[str, str]:
    answer = side.sessions.prepare(order)
    assert isinstance(answer, JobRefused)
    return {reason.code: reason.message for reason in answer.reasons}


async def test_in_a_cluster_an_unknown_peer_is_refused_with_the_command_to_trust_it(
    two: Two, tmp_path: Path
) -> None:
    side = Side(tmp_path / "cluster", "9999", standalone=False)
    side.policy('default = "allow"')
    said = refusals(side, two.order(GUEST))
    seen = fingerprint(two.host.identity.public)
    assert f"party-agent trust 10000 {seen}" in said["peer_not_trusted"]
    side.peers.trust("10000", seen.upper())
    assert isinstance(side.sessions.prepare(two.order(GUEST)), JobReady)


async def test_a_peer_that_shows_another_key_is_refused(two: Two) -> None:
    two.guest.sessions.prepare(two.order(GUEST))
    changed = {**two.keys, "10000": Identity.generate().public}
    assert "peer_key_changed" in refusals(two.guest, two.order(GUEST, keys=changed))


async def test_every_reason_against_a_job_is_told_at_once(two: Two) -> None:
    def task(component: str, module: str, role: Role = GUEST, **changes: Any) -> TaskBrief:
        return TaskBrief(
            task_id=component, component=component, module=module, role=role, index=0, **changes
        )

    missing = TableName(namespace="n", name="gone")
    order = two.order(
        GUEST,
        tasks=(
            task("a", "NoSuchModule"),
            task("b", "Upload"),
            task("c", "HeteroLR", params={"max_itr": 3, "tol": "much"}),
            task("reader_0", "Reader", tables=(missing,)),
        ),
    )
    answer = two.guest.sessions.prepare(order)
    assert isinstance(answer, JobRefused)
    found = {(reason.code, reason.path) for reason in answer.reasons}
    assert found >= {
        ("not_found", "a"),
        ("wrong_role", "b"),
        ("invalid_parameters", "c.max_itr"),
        ("invalid_parameters", "c.tol"),
        ("table_not_found", "reader_0"),
    }
    assert any("did you mean 'max_iter'" in reason.message for reason in answer.reasons)


async def test_a_ready_party_tells_parameters_with_every_default(two: Two) -> None:
    answer = two.guest.sessions.prepare(two.order(GUEST))
    assert isinstance(answer, JobReady)
    defaults = find_component("SecureAddExample").params.parse({}).model_dump(mode="json")
    assert answer.params == {"add_0/guest": defaults}


@pytest.mark.parametrize(("file", "code"), [("in/x.csv", ""), ("in/../secret.csv", "refused")])
async def test_an_upload_reads_only_below_the_folders_that_were_named(
    tmp_path: Path, file: str, code: str
) -> None:
    side = Side(tmp_path, "9999", standalone=False)
    side.policy('default = "allow"')
    params = {"file": str(tmp_path / file), "namespace": "n", "table_name": "t"}
    task = TaskBrief(
        task_id="u", component="upload_0", module="Upload", role=Role.LOCAL, index=0, params=params
    )
    order = PrepareJob(
        job_id=JOB,
        epoch=0,
        digest=bytes(32),
        initiator_role=Role.LOCAL,
        initiator_party_id="9999",
        roles={Role.LOCAL: ("9999",)},
        keys={},
        tasks=(task,),
    )
    if code:
        assert "upload_from" in refusals(side, order)["policy_refused"]
    else:
        assert isinstance(side.sessions.prepare(order), JobReady)
