"""Further groups of verbs for Python, see `groups`: models, tags, and the server itself."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from coordinator.client.groups import Group, Json, PartyId, Rows, Stored, given


class Models(Group):
    """`flow model`, `flow checkpoint`."""

    __slots__ = ()

    def load(self, conf: Mapping[str, Any]) -> Json:
        """Load a model for online use: initiator, role, job_parameters; or a job_id."""
        return dict(self.flow.ask("model/load", conf))

    def bind(self, conf: Mapping[str, Any]) -> Any:
        """Name a loaded model: service_id, and what `load` takes."""
        return self.flow.ask("model/bind", conf)

    def export(self, model: Stored, folder: Path) -> None:
        """Keep a party's model as an archive in a folder."""
        self.flow.save("model/export", model.body, folder)

    def bring(self, model: Stored, archive: Path, *, force_update: bool = False) -> Json:
        """Bring in a model that was exported (`flow model import`)."""
        fields = {**model.body, "force_update": int(force_update)}
        return dict(self.flow.send_checked("model/import", fields, archive))

    def store(self, model: Stored) -> Json:
        """Keep a party's model in its model database."""
        return dict(self.flow.ask("model/store", model.body))

    def restore(self, model: Stored) -> Json:
        """Take a party's model out of its model database."""
        return dict(self.flow.ask("model/restore", model.body))

    def migrate(self, conf: Mapping[str, Any]) -> Json:
        """Give a model to other parties."""
        return dict(self.flow.ask("model/migrate", conf))

    def query(self, **filters: Any) -> Rows:
        """Rows of versions of models, one a seat."""
        return list(self._ask("model/query", **filters))

    def homo_convert(self, conf: Mapping[str, Any]) -> Json:
        """Make a plain model of a horizontal one."""
        return dict(self.flow.ask("model/homo/convert", conf))

    def homo_deploy(self, conf: Mapping[str, Any]) -> Json:
        """Serve a converted model."""
        return dict(self.flow.ask("model/homo/deploy", conf))

    def tag(self, job_id: str, tag_name: str) -> Any:
        """Put a tag on a model."""
        return self._ask("model/model_tag/create", job_id=job_id, tag_name=tag_name)

    def untag(self, job_id: str, tag_name: str) -> Any:
        """Take a tag off a model."""
        return self._ask("model/model_tag/remove", job_id=job_id, tag_name=tag_name)

    def tags(self, job_id: str) -> Json:
        """A model's tags."""
        return dict(self._ask("model/model_tag/retrieve", job_id=job_id))

    def checkpoints(self, model: Stored) -> Rows:
        """A model's checkpoints."""
        return list(self.flow.ask("checkpoint/list", model.body))

    def checkpoint(
        self, model: Stored, step_index: int | None = None, step_name: str | None = None
    ) -> Json:
        """One checkpoint."""
        body = {**model.body, **given(step_index=step_index, step_name=step_name)}
        return dict(self.flow.ask("checkpoint/get", body))


class Tags(Group):
    """`flow tag`."""

    __slots__ = ()

    def create(self, tag_name: str, tag_desc: str | None = None) -> Any:
        """Make a tag."""
        return self._ask("model/tag/create", tag_name=tag_name, tag_desc=tag_desc)

    def query(self, tag_name: str, *, with_model: bool = False) -> Json:
        """A tag, or its models."""
        return dict(self._ask("model/tag/retrieve", tag_name=tag_name, with_model=with_model))

    def update(
        self, tag_name: str, new_tag_name: str | None = None, new_tag_desc: str | None = None
    ) -> Any:
        """Rename a tag, or say anew what it means."""
        return self._ask(
            "model/tag/update",
            tag_name=tag_name,
            new_tag_name=new_tag_name,
            new_tag_desc=new_tag_desc,
        )

    def delete(self, tag_name: str) -> Any:
        """Delete a tag."""
        return self._ask("model/tag/destroy", tag_name=tag_name)

    def list(self, limit: int | None = None) -> Json:
        """Tags, newest first."""
        return dict(self._ask("model/tag/list", limit=limit))


class World(Group):
    """`flow privilege`, `provider`, `server`, `service`, `key`, `template`."""

    __slots__ = ()

    def grant(self, party_id: PartyId, **rights: Any) -> Any:
        """Let a party do more: component, dataset."""
        return self._ask("permission/grant", party_id=party_id, **rights)

    def revoke(self, party_id: PartyId, **rights: Any) -> Any:
        """Let a party do less."""
        return self._ask("permission/delete", party_id=party_id, **rights)

    def privileges(self, party_id: PartyId) -> Json:
        """What a party may do."""
        return dict(self._ask("permission/query", party_id=party_id))

    def providers(self, name: str | None = None) -> Json:
        """Who brings components, and which."""
        return dict(self._ask("provider/get" if name is None else f"provider/{name}/get"))

    def components(self) -> Json:
        """Components there are."""
        return dict(self._ask("component/get"))

    def register_provider(self, conf: Mapping[str, Any]) -> Any:
        """Bring in components."""
        return self.flow.ask("provider/register", conf)

    def versions(self) -> Json:
        """What the server is made of."""
        return dict(self._ask("server/version/get"))

    def reload(self) -> Json:
        """Read the settings again."""
        return dict(self._ask("server/reload"))

    def services(self) -> Json:
        """Services there are."""
        return dict(self._ask("server/service/get"))

    def save_key(self, party_id: PartyId, key: str) -> Any:
        """Keep a party's public key."""
        return self._ask("key/public/save", party_id=party_id, key=key)

    def key(self, party_id: PartyId) -> str:
        """A party's public key."""
        return str(self._ask("key/query", party_id=party_id))

    def delete_key(self, party_id: PartyId) -> Any:
        """Forget a party's public key."""
        return self._ask("key/public/delete", party_id=party_id)

    def templates(self, folder: Path) -> None:
        """Fetch example documents."""
        self.flow.fetch("template/download", {}, folder)
