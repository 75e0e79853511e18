"""Words that people put on models, to find them again."""

from coordinator.domain.deployment import Trained, trained
from coordinator.domain.ports import Clock, Store
from coordinator.domain.records import Tag
from federation.errors import Conflict, NotFound


class TagExists(Conflict):
    """A tag of that name is there."""

    code = "tag_exists"

    def __init__(self, name: str) -> None:
        super().__init__(f"there is a tag {name!r} already", tag=name)


class TagNotFound(NotFound):
    """No tag has that name."""

    code = "tag_not_found"

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no tag {name!r}", tag=name)


class TagNotOnModel(NotFound):
    """A model does not have that tag."""

    code = "tag_not_on_model"

    def __init__(self, name: str, model_version: str) -> None:
        super().__init__(
            f"model version {model_version} has no tag {name!r}",
            tag=name,
            model_version=model_version,
        )


class Tags:
    """All tags."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def add(self, name: str, description: str) -> None:
        """Keep a new tag.

        Raises:
            TagExists: there is one of that name.
        """
        async with self._store.begin() as tx:
            if not await tx.tags.add(name, description, self._clock()):
                raise TagExists(name)

    async def find(self) -> list[Tag]:
        """Every tag, newest first."""
        async with self._store.read() as view:
            return await view.tags.all()

    async def get(self, name: str) -> Tag:
        """The tag.

        Raises:
            TagNotFound: there is none.
        """
        async with self._store.read() as view:
            tag = await view.tags.find(name)
        if tag is None:
            raise TagNotFound(name)
        return tag

    async def change(self, name: str, new_name: str | None, description: str | None) -> None:
        """Give a tag another name, another description, or both; models keep it.

        Raises:
            TagNotFound, TagExists: there is no such tag, or one of the new name.
        """
        async with self._store.begin() as tx:
            tag = await tx.tags.find(name)
            if tag is None:
                raise TagNotFound(name)
            wanted = new_name or name
            if wanted != name and await tx.tags.find(wanted) is not None:
                raise TagExists(wanted)
            described = tag.description if description is None else description
            await tx.tags.change(name, wanted, described)

    async def drop(self, name: str) -> None:
        """Forget a tag, at all models too.

        Raises:
            TagNotFound: there is none.
        """
        async with self._store.begin() as tx:
            if not await tx.tags.drop(name):
                raise TagNotFound(name)

    async def put(self, name: str, model_version: str) -> None:
        """Put a tag on a version of a model; a new tag is made.

        Raises:
            ModelNotFound, Conflict: no such model.
            TagExists: it has that tag already.
        """
        async with self._store.begin() as tx:
            await trained(tx, None, model_version)
            await tx.tags.add(name, "", self._clock())
            if not await tx.tags.put(name, model_version):
                raise TagExists(name)

    async def take(self, name: str, model_version: str) -> None:
        """Take a tag off a version of a model.

        Raises:
            TagNotOnModel: it has no such tag.
        """
        async with self._store.begin() as tx:
            if not await tx.tags.take(name, model_version):
                raise TagNotOnModel(name, model_version)

    async def of_model(self, model_version: str) -> list[Tag]:
        """Tags of a version of a model.

        Raises:
            ModelNotFound, Conflict: no such model.
        """
        async with self._store.read() as view:
            await trained(view, None, model_version)
            return await view.tags.of_model(model_version)

    async def models(self, name: str) -> list[Trained]:
        """Versions of models that have a tag, newest first."""
        async with self._store.read() as view:
            versions = await view.tags.models(name)
            return [await trained(view, None, version) for version in versions]
