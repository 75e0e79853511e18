"""Words that people put on models."""

from typing import Any

import sqlalchemy as sa

from coordinator.domain.records import Tag
from coordinator.store.schema import model_tags, tags
from coordinator.store.transaction import Transaction, insert_for

_marked = (
    sa.select(sa.func.count())
    .select_from(model_tags)
    .where(model_tags.c.tag == tags.c.name)
    .scalar_subquery()
)


class SqlTags:
    """Tags within one transaction."""

    def __init__(self, transaction: Transaction) -> None:
        self._tx = transaction

    async def add(self, name: str, description: str, now_ms: int) -> bool:
        """Keep a new tag; False if there is one of that name."""
        statement = insert_for(self._tx, tags).on_conflict_do_nothing()
        values = {"name": name, "description": description, "created_ms": now_ms}
        return bool((await self._tx.run(statement, values)).rowcount)

    async def all(self) -> list[Tag]:
        """Every tag, newest first."""
        return await self._tags()

    async def find(self, name: str) -> Tag | None:
        """The tag of that name."""
        found = await self._tags(tags.c.name == name)
        return found[0] if found else None

    async def change(self, name: str, new_name: str, description: str) -> None:
        """Give a tag another name and description; models keep it."""
        values = {"name": new_name, "description": description}
        await self._tx.run(sa.update(tags).where(tags.c.name == name).values(values))
        if new_name != name:
            moving = sa.update(model_tags).where(model_tags.c.tag == name)
            await self._tx.run(moving.values(tag=new_name))

    async def drop(self, name: str) -> bool:
        """Forget a tag, at all models too; False if there was none."""
        await self._tx.run(sa.delete(model_tags).where(model_tags.c.tag == name))
        return bool((await self._tx.run(sa.delete(tags).where(tags.c.name == name))).rowcount)

    async def put(self, name: str, model_version: str) -> bool:
        """Put a tag on a version of a model; False if it is there already."""
        statement = insert_for(self._tx, model_tags).on_conflict_do_nothing()
        values = {"tag": name, "model_version": model_version}
        return bool((await self._tx.run(statement, values)).rowcount)

    async def take(self, name: str, model_version: str) -> bool:
        """Take a tag off a version of a model; False if it was not there."""
        marked = (model_tags.c.tag == name, model_tags.c.model_version == model_version)
        return bool((await self._tx.run(sa.delete(model_tags).where(*marked))).rowcount)

    async def of_model(self, model_version: str) -> list[Tag]:
        """Tags of a version of a model, newest first."""
        mine = sa.select(model_tags.c.tag).where(model_tags.c.model_version == model_version)
        return await self._tags(tags.c.name.in_(mine))

    async def models(self, name: str) -> list[str]:
        """Versions of models that have a tag, newest first."""
        query = sa.select(model_tags.c.model_version).where(model_tags.c.tag == name)
        return list(
            (await self._tx.run(query.order_by(model_tags.c.model_version.desc()))).scalars()
        )

    async def _tags(self, *conditions: sa.ColumnElement[bool]) -> list[Tag]:
        query = sa.select(tags, _marked.label("marked")).where(*conditions)
        found = await self._tx.run(query.order_by(tags.c.created_ms.desc(), tags.c.name))
        return [_tag_of(row) for row in found]


def _tag_of(row: sa.Row[Any]) -> Tag:
    return Tag(name=row.name, description=row.description, models=row.marked)
