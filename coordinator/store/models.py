"""Model versions that were deployed, and the names under which some answer."""

from dataclasses import asdict

import sqlalchemy as sa

from coordinator.domain.records import Deployment, ModelSeat, Service, Training
from coordinator.store.fields import record_of, values_of
from coordinator.store.schema import deployments, model_seats, services, trainings
from coordinator.store.transaction import Transaction


class SqlModels:
    """Models within one transaction."""

    def __init__(self, transaction: Transaction) -> None:
        self._tx = transaction

    async def deploy(self, deployment: Deployment) -> None:
        """Keep a new version of a model."""
        values = {
            "model_version": deployment.model_version,
            "model_id": deployment.model_id,
            "train_version": deployment.train_version,
            "dsl": dict(deployment.dsl),
            "created_ms": deployment.created_ms,
        }
        await self._tx.run(sa.insert(deployments), values)

    async def deployment(self, model_version: str) -> Deployment | None:
        """The deployed version of that name."""
        found = await self._deployments(deployments.c.model_version == model_version)
        return found[0] if found else None

    async def deployments(self, train_version: str | None = None) -> list[Deployment]:
        """Deployed versions (of one training), newest first."""
        if train_version is None:
            return await self._deployments()
        return await self._deployments(deployments.c.train_version == train_version)

    async def add_training(self, training: Training) -> None:
        """Keep a training that was not run here."""
        await self._tx.run(sa.insert(trainings), asdict(training))

    async def training(self, model_version: str) -> Training | None:
        """The training of that name that was not run here."""
        found = await self._trainings(trainings.c.model_version == model_version)
        return found[0] if found else None

    async def trainings(self) -> list[Training]:
        """All that were not run here, newest first."""
        return await self._trainings()

    async def _trainings(self, *conditions: sa.ColumnElement[bool]) -> list[Training]:
        query = sa.select(trainings).where(*conditions)
        found = await self._tx.run(query.order_by(trainings.c.model_version.desc()))
        return [record_of(Training, row) for row in found]

    async def set_seat(self, seat: ModelSeat) -> None:
        """Keep how a seat came to a model."""
        old = (
            sa.delete(model_seats)
            .where(model_seats.c.model_version == seat.model_version)
            .where(model_seats.c.role == seat.role.value)
            .where(model_seats.c.party_id == seat.party_id)
        )
        await self._tx.run(old)
        await self._tx.run(sa.insert(model_seats), values_of(seat))

    async def seats(self, model_version: str) -> list[ModelSeat]:
        """Seats that came to a model otherwise than by training here."""
        query = sa.select(model_seats).where(model_seats.c.model_version == model_version)
        found = await self._tx.run(query.order_by(model_seats.c.role, model_seats.c.party_id))
        return [record_of(ModelSeat, row) for row in found]

    async def bind(self, service: Service) -> None:
        """Keep what answers under a name, in place of what did."""
        old = sa.delete(services).where(services.c.service_id == service.service_id)
        await self._tx.run(old)
        await self._tx.run(sa.insert(services), values_of(service))

    async def service(self, service_id: str) -> Service | None:
        """What answers under that name."""
        found = await self._services(services.c.service_id == service_id)
        return found[0] if found else None

    async def services(self, model_version: str) -> list[Service]:
        """Names under which a version answers."""
        return await self._services(services.c.model_version == model_version)

    async def _services(self, condition: sa.ColumnElement[bool]) -> list[Service]:
        query = sa.select(services).where(condition).order_by(services.c.service_id)
        found = await self._tx.run(query)
        return [record_of(Service, row) for row in found]

    async def _deployments(self, *conditions: sa.ColumnElement[bool]) -> list[Deployment]:
        query = sa.select(deployments).where(*conditions)
        found = await self._tx.run(query.order_by(deployments.c.model_version.desc()))
        return [record_of(Deployment, row) for row in found]
