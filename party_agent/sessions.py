"""Jobs this party takes part in: the answer to each, its session, and the keys of its attempts.

The digest that offers are signed over covers who takes part, as this party was told: two parties
that were told of different peers or roles can not open a session. Keys live in this process alone,
and go with it.
"""

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from federation.channel import PeerKeys
from federation.channel.message import Declarations
from federation.components.component import Component
from federation.errors import TripactError, WrongSession
from federation.spec.orders import (
    JobReady,
    JobRefused,
    OpenSession,
    PrepareJob,
    Reason,
    RunTask,
    SessionKeys,
    SessionOpened,
)
from federation.spec.party import Party, Role
from federation.wire.codec import encode
from federation.wire.identity import Identity
from federation.wire.session import Session, derive
from party_agent.checks import Checks, as_owner_has_it, others, reason_of
from party_agent.direct import DirectLinks
from party_agent.promises import PromiseOf, check_promised


@dataclass(slots=True)
class Membership:
    """This party's part in one epoch of a job.

    Attributes:
        keys: identity keys of the peers, checked against the pins.
        sending, receiving: secrets by peer, as far as they are agreed on.
        settled: set when all secrets are there, or never will be.
        failure: why there is no session.
    """

    order: PrepareJob
    session: Session
    keys: Mapping[str, bytes]
    sending: dict[str, bytes] = field(default_factory=dict)
    receiving: dict[str, bytes] = field(default_factory=dict)
    settled: asyncio.Event = field(default_factory=asyncio.Event)
    failure: Reason | None = None

    def fail(self, error: TripactError) -> None:
        """Give the session up; the first reason counts."""
        self.failure = self.failure or reason_of(error)
        self.settled.set()

    def settle(self) -> None:
        """Note it if all secrets are there."""
        if set(self.keys) <= set(self.sending) and set(self.keys) <= set(self.receiving):
            self.settled.set()


class Sessions:
    """Every job this party takes part in now."""

    def __init__(
        self, identity: Identity, party_id: str, checks: Checks, direct: DirectLinks
    ) -> None:
        self._identity = identity
        self.party_id = party_id
        self._checks = checks
        self._direct = direct
        self._memberships: dict[str, Membership] = {}

    def prepare(self, order: PrepareJob) -> JobReady | JobRefused:
        """Answer a job; a new epoch takes the place of the one before."""
        answer = self._checks.answer(order)
        if answer.reasons:
            self._memberships.pop(order.job_id, None)
            return JobRefused(job_id=order.job_id, epoch=order.epoch, reasons=answer.reasons)
        roles = _roles_of(order.roles, self.party_id)
        session = Session(
            self._identity,
            _digest(order),
            order.epoch,
            self.party_id,
            roles,
            direct=self._direct.address,
        )
        keys = {peer: order.keys[peer] for peer in others(order, self.party_id)}
        membership = Membership(order, session, keys)
        membership.settle()
        self._memberships[order.job_id] = membership
        return JobReady(
            job_id=order.job_id,
            epoch=order.epoch,
            offer=session.offer.to_bytes(),
            params=answer.params,
        )

    def open(self, order: OpenSession) -> SessionOpened | None:
        """Check the peers' offers and seal each a secret; None if the session failed."""
        membership = self.find(order.job_id, order.epoch)
        if membership is None:
            return None
        letters: dict[str, bytes] = {}
        try:
            for peer, key in membership.keys.items():
                offer = membership.session.check_offer(order.offers.get(peer, b""), key, peer)
                if list(offer.roles) != _roles_of(membership.order.roles, peer):
                    raise WrongSession(peer)
                self._direct.learn(peer, key, offer.direct)
                membership.sending[peer], letters[peer] = membership.session.seal_secret(offer)
        except TripactError as error:
            membership.fail(error)
            return None
        membership.settle()
        return SessionOpened(job_id=order.job_id, epoch=order.epoch, letters=letters)

    def take_keys(self, order: SessionKeys) -> None:
        """Open the secrets that peers sealed for this party."""
        membership = self.find(order.job_id, order.epoch)
        if membership is None:
            return
        try:
            for peer, letter in order.letters.items():
                if peer not in membership.keys:
                    raise WrongSession(peer)
                secret = membership.session.open_secret(letter, membership.keys[peer], peer)
                membership.receiving[peer] = secret
        except TripactError as error:
            membership.fail(error)
            return
        membership.settle()

    def find(self, job_id: str, epoch: int) -> Membership | None:
        """This party's part in that epoch of a job, if it has one."""
        membership = self._memberships.get(job_id)
        return membership if membership and membership.order.epoch == epoch else None

    def check(self, order: RunTask, membership: Membership, promise_of: PromiseOf) -> None:
        """Say no to a task that is not as it was promised.

        Raises:
            PolicyRefused: names what differs, or what was not asked for.
        """
        rules = self._checks.rules
        check_promised(order, membership.order, rules, self.party_id, promise_of)

    def adapted(self, order: RunTask) -> RunTask:
        """A task that was promised, as this party runs it.

        Raises:
            InvalidPolicy: the policy can not be read.
        """
        task = as_owner_has_it(order.task, self._checks.rules)
        return order if task is order.task else order.model_copy(update={"task": task})

    def close(self, job_id: str) -> None:
        """The job ended: drop its keys."""
        self._memberships.pop(job_id, None)


def partners(order: RunTask, component: Component, me: Party) -> tuple[Party, ...]:
    """Seats that a component at this seat exchanges letters with."""
    params = component.params.parse(order.task.params)
    declared = Declarations(component.messages_with(params))
    seats = [Party(role, party_id) for role, ids in order.roles.items() for party_id in ids]
    return tuple(seat for seat in seats if seat != me and declared.connect(me, seat))


def attempt_keys(
    membership: Membership, order: RunTask, me: Party, seats: tuple[Party, ...]
) -> dict[Party, PeerKeys]:
    """The keys of one attempt at one seat with each of `seats`; the session must be settled."""

    def secrets_with(seat: Party) -> tuple[bytes, bytes]:
        if seat.party_id == me.party_id:
            return membership.session.own_secret, membership.session.own_secret
        return membership.sending[seat.party_id], membership.receiving[seat.party_id]

    task_id, version = order.task.task_id, order.version
    keys = {}
    for seat in seats:
        sending, receiving = secrets_with(seat)
        keys[seat] = PeerKeys(
            derive(sending, task_id, version, me, seat),
            derive(receiving, task_id, version, seat, me),
        )
    return keys


def _roles_of(roles: Mapping[Role, tuple[str, ...]], party_id: str) -> list[str]:
    return sorted(role.value for role, ids in roles.items() if party_id in ids)


def _digest(order: PrepareJob) -> bytes:
    """What all parties must have been told alike: the job, its epoch, and who has which role."""
    roles = {role.value: list(ids) for role, ids in sorted(order.roles.items())}
    initiator = [order.initiator_role.value, order.initiator_party_id]
    said = encode([order.digest, order.job_id, order.epoch, roles, initiator])
    return hashlib.sha256(said).digest()
