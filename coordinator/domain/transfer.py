"""Models that leave and come: archives, other places, other party ids.

An archive holds one seat's share of a version. It goes between that party's agent and whoever asked
for it, through here and not kept here; the party's policy is asked. Documents (DSL, conf, who took
part) travel with it, so that a coordinator that never ran the training can predict with it.
Source: FATE-Flow 1.4 and later, model export, import, migrate, store and restore.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from coordinator.domain.access import check_own
from coordinator.domain.deployment import Models, Trained, job_of
from coordinator.domain.inheritance import model_origin
from coordinator.domain.manifest import documents_of, parts_of
from coordinator.domain.migration import Migrated, Migration, conf_with, ids_of, renamed_seats
from coordinator.domain.ports import Agents, Clock, Store, Tx
from coordinator.domain.records import Deployment, ModelSeat, OutputModel, Training
from coordinator.domain.share import Share, Wanted, expected_of
from federation.errors import (
    BadRequest,
    CallFailed,
    Conflict,
    ModelNotFound,
    TripactError,
)
from federation.spec.ids import model_id, party_model_id
from federation.spec.job import read_job
from federation.spec.party import Party

IMPORTED, MIGRATED = "imported", "migrated"


class ModelIsThere(Conflict):
    """A seat has the model already."""

    code = "model_is_there"

    def __init__(self, seat: Party, model_version: str, what: str = "model") -> None:
        super().__init__(
            f"{seat} has {what} version {model_version} already; set force_update to replace it",
            model_version=model_version,
        )


class Transfers:
    """Moves models."""

    def __init__(
        self,
        store: Store,
        agents: Agents,
        clock: Clock,
        models: Models,
        next_id: Callable[[], str],
    ) -> None:
        self._store = store
        self._agents = agents
        self._clock = clock
        self._models = models
        self._next_id = next_id

    async def share(self, wanted: Wanted) -> Share:
        """What a seat has of a version.

        Raises:
            ModelNotFound: no such version, or nothing of it at that seat.
        """
        async with self._store.read() as view:
            model = await self._models.get(wanted.model_id, wanted.model_version)
            parts = await _parts(view, model, wanted.seat)
            seats = await view.models.seats(wanted.model_version)
        if not parts:
            raise ModelNotFound(wanted.model_id, wanted.model_version)
        mine = (wanted.seat.role, wanted.seat.party_id)
        holders = [s.holder for s in seats if (s.role, s.party_id) == mine]
        holder = holders[0] if holders else wanted.seat.party_id
        return Share(model, wanted.seat, holder, tuple(parts))

    async def export(self, share: Share) -> AsyncIterator[bytes]:
        """The archive of a share, as its party gives it.

        Raises:
            Unavailable, CallFailed: the party is away, or says no.
        """
        await self._agents.ensure(share.holder)
        args = share.args(about=share.about())
        async for block in self._agents.receive_stream(share.holder, "export_model", args):
            yield block

    async def store(self, share: Share) -> dict[str, Any]:
        """Have the party keep the archive of its share; digest and size of it."""
        await self._agents.ensure(share.holder)
        args = share.args(about=share.about(), archive=share.name)
        return dict(await self._agents.call(share.holder, "store_model", args, timeout_s=300))

    async def take(
        self, wanted: Wanted, source: AsyncIterator[bytes], *, force: bool = False
    ) -> None:
        """Give an archive to the party it belongs to, and know the version from then on.

        Raises:
            ModelIsThere: the seat has it, and `force` is not set.
            BadManifest, CallFailed: it is no archive of that share.
        """
        party_id = wanted.seat.party_id
        check_own(party_id)
        if not force and await self._held(wanted):
            raise ModelIsThere(wanted.seat, wanted.model_version)
        await self._agents.ensure(party_id)
        expected = expected_of(wanted.seat, wanted.model_id, wanted.model_version)
        args = {"expected": expected, "force": force}
        with _other_model(wanted):
            told = await self._agents.send_stream(party_id, "import_model", args, source)
        await self._keep(wanted, told)

    async def restore(self, wanted: Wanted, *, sha256: str = "", force: bool = False) -> str:
        """Have the party take in what `store` kept there; its digest.

        What the party has to the bit stays as it is, and as it was known.

        Raises:
            ModelIsThere: the seat has something else of that version, and `force` is not set.
            BadManifest, CallFailed: it is no archive of that share.
        """
        party_id = wanted.seat.party_id
        await self._agents.ensure(party_id)
        name = f"{party_model_id(wanted.seat, wanted.model_id)}#{wanted.model_version}"
        expected = expected_of(wanted.seat, wanted.model_id, wanted.model_version)
        args = {"archive": name, "expected": expected, "sha256": sha256, "force": force}
        with _other_model(wanted):
            told = await self._agents.call(party_id, "restore_model", args, timeout_s=300)
        stored = parts_of(wanted, told["manifest"])
        if _digests(stored) != _digests(await self._held(wanted)):
            await self._keep(wanted, told)
        return str(told["sha256"])

    async def convert(self, share: Share, framework: str) -> dict[str, list[str]]:
        """Have the party make files for other software; their names by component."""
        await self._agents.ensure(share.holder)
        told = await self._agents.call(
            share.holder, "convert_model", share.args(framework=framework), timeout_s=300
        )
        return dict(told["components"])

    async def model(self, share: Share, component: str) -> dict[str, Any]:
        """What a component's model says: `param`, `meta` and `module`.

        Raises:
            ModelNotFound: the component has none, or its party has it no more.
        """
        args = _args_of(share, component)
        await self._agents.ensure(share.holder)
        told = await self._agents.call(share.holder, "output_model", args)
        if told is None:
            raise ModelNotFound(share.model.train.model_id, share.model.model_version)
        return dict(told)

    async def checkpoints(self, share: Share, component: str) -> list[dict[str, Any]]:
        """What a component kept of its training, step by step."""
        args = _args_of(share, component)
        await self._agents.ensure(share.holder)
        return list(await self._agents.call(share.holder, "checkpoints", args))

    async def checkpoint(
        self, share: Share, component: str, step_index: int | None, step_name: str | None
    ) -> dict[str, Any]:
        """One step, with the model's bytes as base64."""
        args = _args_of(share, component)
        args |= {"step_index": step_index, "step_name": step_name}
        await self._agents.ensure(share.holder)
        return dict(await self._agents.call(share.holder, "checkpoint", args))

    async def origins(self, model: Trained) -> list[ModelSeat]:
        """Seats that came to a version otherwise than by training here."""
        async with self._store.read() as view:
            return await view.models.seats(model.model_version)

    # --- other party ids -------------------------------------------------------------------------

    async def migrate(self, asked: Migration) -> Migrated:
        """A version whose parties have other ids, with the models of this one.

        Raises:
            BadRequest: nothing changes, or a party was not in the training.
            ModelNotFound, Conflict: no such model, or the new version is there already.
        """
        model = await self._models.get(asked.model_id, asked.model_version)
        renamed = renamed_seats(asked, model.train)
        now_ms, version = self._clock(), asked.version or self._next_id()
        train_version = self._next_id() if model.deployed else version
        conf = conf_with(model.train.conf, renamed, asked.initiator)
        new = Training(
            model_id({role: ids_of(ids, role, renamed) for role, ids in model.train.roles.items()}),
            train_version,
            dict(model.train.dsl),
            conf,
            model.train.created_ms,
            now_ms,
            model.train.description,
        )
        job_of(new)
        told = {}
        for old, seat in renamed.items():
            if not asked.execute or old in asked.execute:
                told[old] = await self._migrate_seat(model, old, seat, new, version)
        if all(told.values()):
            raise BadRequest("; ".join(told.values()) or "no party is to execute it")
        async with self._store.begin() as tx:
            if await tx.models.training(version) or await tx.models.deployment(version):
                raise Conflict(f"there is a model version {version} already")
            await tx.models.add_training(new)
            if model.deployed:
                await tx.models.deploy(
                    replace(
                        model.deployed,
                        model_id=new.model_id,
                        model_version=version,
                        train_version=train_version,
                        created_ms=now_ms,
                    )
                )
        return Migrated(new.model_id, version, told)

    async def _migrate_seat(
        self, model: Trained, old: Party, seat: Party, new: Training, version: str
    ) -> str:
        """Copy a seat's share under its new name; what went wrong, if anything."""
        try:
            share = await self.share(Wanted(model.train.model_id, model.model_version, old))
            await self._agents.ensure(share.holder)
            to = [new.model_id, new.model_version]
            await self._agents.call(share.holder, "copy_model", share.args(to=to), timeout_s=300)
        except TripactError as error:
            return error.message
        moved = [
            replace(
                part,
                party_id=seat.party_id,
                job_id=new.model_version,
                model_id=new.model_id,
                model_version=new.model_version,
            )
            for part in share.parts
        ]
        await self._note(version, seat, moved, share.holder, MIGRATED, "")
        return ""

    # --- inside ----------------------------------------------------------------------------------

    async def _held(self, wanted: Wanted) -> tuple[OutputModel, ...]:
        """What a seat has of a version, under its own party's id."""
        try:
            share = await self.share(wanted)
        except ModelNotFound:
            return ()
        return share.parts if share.holder == wanted.seat.party_id else ()

    async def _keep(self, wanted: Wanted, told: Mapping[str, Any]) -> None:
        """Know a version from what its archive says."""
        manifest = told["manifest"]
        training, deployment = documents_of(wanted, manifest, self._clock())
        async with self._store.begin() as tx:
            await _add_once(tx, training, deployment)
        await self._note(
            wanted.model_version,
            wanted.seat,
            parts_of(wanted, manifest),
            wanted.seat.party_id,
            IMPORTED,
            str(told["sha256"]),
        )

    async def _note(  # noqa: PLR0917 - a record's fields
        self,
        version: str,
        seat: Party,
        parts: Sequence[OutputModel],
        holder: str,
        origin: str,
        sha256: str,
    ) -> None:
        now_ms = self._clock()
        async with self._store.begin() as tx:
            for part in parts:
                await tx.tracking.add_outputs((), part, now_ms)
            await tx.models.set_seat(
                ModelSeat(version, seat.role, seat.party_id, holder, origin, sha256, now_ms)
            )


@contextmanager
def _other_model(wanted: Wanted) -> Iterator[None]:
    """Say in our words that a party has another model of that version."""
    try:
        yield
    except CallFailed as error:
        if error.facts.get("agent_code") != "model_exists":
            raise
        raise ModelIsThere(wanted.seat, wanted.model_version, "another model of") from error


async def _parts(view: Tx, model: Trained, seat: Party) -> list[OutputModel]:
    """Models of a seat: its training's, those that took over from earlier ones, checkpoints."""
    train, found = model.train, dict[str, OutputModel]()
    for name in read_job(train.dsl, train.conf).dsl.names:
        origin = await model_origin(view, train, name)
        for part in await view.tracking.models(origin.model_id, origin.version):
            if part.component == name and _is_of(part, seat):
                found[name] = part
    if model.deployed is not None:
        for part in await view.tracking.models(train.model_id, model.model_version):
            if _is_of(part, seat):
                found[part.component] = part
    return list(found.values())


def _digests(parts: Sequence[OutputModel]) -> dict[str, str]:
    return {part.component: part.digest for part in parts}


def _is_of(part: OutputModel, seat: Party) -> bool:
    return (part.role, part.party_id) == (seat.role, seat.party_id)


async def _add_once(tx: Tx, training: Training, deployment: Deployment | None) -> None:
    """Keep documents that are not known yet.

    Raises:
        Conflict: others are known under that name.
    """
    version = training.model_version
    job = await tx.jobs.find(version)
    known = await tx.models.training(version)
    if job is not None:
        known = replace(training, dsl=job.dsl, conf=job.conf, model_id=job.model_id)
    if known is None:
        await tx.models.add_training(training)
    elif (known.model_id, known.dsl, known.conf) != (
        training.model_id,
        training.dsl,
        training.conf,
    ):
        raise Conflict(f"model version {version} is another training here")
    if deployment is not None:
        there = await tx.models.deployment(deployment.model_version)
        if there is None:
            await tx.models.deploy(deployment)
        elif (there.train_version, there.dsl) != (version, deployment.dsl):
            raise Conflict(f"model version {there.model_version} is deployed otherwise here")


def _args_of(share: Share, component: str) -> dict[str, Any]:
    for part in share.parts:
        if part.component == component:
            return {
                "model_id": part.model_id,
                "model_version": part.model_version,
                "role": share.seat.role.value,
                "component": component,
            }
    raise ModelNotFound(share.model.train.model_id, share.model.model_version)
