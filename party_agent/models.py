"""The model store: one file for what one component learned in one role, and files for caches.

    <root>/models/<model id>/<version>/<role>/<component>
    <root>/caches/<namespace>/<name>

A file is one codec message, written beside its place and moved there. Models stay with the party;
their digests and sizes travel.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from federation.components.component import Model
from federation.errors import MalformedMessage, ModelNotFound, TableNotFound, Unavailable
from federation.spec.orders import TableName
from federation.wire.codec import Limits, decode, encode
from party_agent.home import write_atomically
from party_agent.names import file_name
from party_agent.plain import json_like, plain

_LIMITS = Limits(size_bytes=1 << 30, depth=32, elements=1 << 24)


@dataclass(frozen=True, slots=True)
class ModelName:
    """Which model: of which training, role and component."""

    model_id: str
    model_version: str
    role: str
    component: str


@dataclass(frozen=True, slots=True)
class Saved:
    """What became of a model; `digest` is the SHA-256 of its file."""

    digest: str
    size_bytes: int


class Models:
    """All models and caches under one folder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def save(self, name: ModelName, model: Model) -> Saved:
        """Keep a model, in place of one of that name."""
        said = {
            "module": model.module,
            "component": model.component or name.component,
            "meta": json_like(model.meta),
            "param": json_like(model.param),
            "state": plain(model.state),
        }
        return _write(self._path(name), said)

    def find(self, name: ModelName) -> Model | None:
        """The model of that name, if there is one.

        Raises:
            Unavailable: its file is damaged.
        """
        said = _read(self._path(name), f"model {name.component} of {name.model_version}")
        if said is None:
            return None
        return Model(said["module"], said["meta"], said["param"], said["state"], said["component"])

    def get(self, name: ModelName) -> Model:
        """The model of that name.

        Raises:
            ModelNotFound: there is none.
        """
        model = self.find(name)
        if model is None:
            raise ModelNotFound(name.model_id, name.model_version)
        return model

    def save_cache(self, name: TableName, cache: Mapping[str, Any]) -> Saved:
        """Keep a cache, in place of one of that name."""
        return _write(self._cache_path(name), {"cache": plain(cache)})

    def get_cache(self, name: TableName) -> Mapping[str, Any]:
        """The cache of that name.

        Raises:
            TableNotFound: there is none.
        """
        said = _read(self._cache_path(name), f"cache {name.namespace}.{name.name}")
        if said is None:
            raise TableNotFound(name.namespace, name.name)
        return dict(said["cache"])

    def drop_cache(self, name: TableName) -> None:
        """Delete a cache; one that is gone is fine."""
        self._cache_path(name).unlink(missing_ok=True)

    def _path(self, name: ModelName) -> Path:
        parts = (name.model_id, name.model_version, name.role, name.component)
        return self._root.joinpath("models", *map(file_name, parts))

    def _cache_path(self, name: TableName) -> Path:
        return self._root.joinpath("caches", file_name(name.namespace), file_name(name.name))


def _write(path: Path, said: dict[str, Any]) -> Saved:
    content = encode(said, _LIMITS)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_atomically(path, content)
    return Saved(hashlib.sha256(content).hexdigest(), len(content))


def _read(path: Path, shown: str) -> Any:
    """What a file says; None if it is not there."""
    try:
        return decode(path.read_bytes(), _LIMITS)
    except FileNotFoundError:
        return None
    except MalformedMessage:
        raise Unavailable(f"the file of {shown} is damaged; run the job again") from None
