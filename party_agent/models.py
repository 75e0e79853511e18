"""The model store: one file for what one component learned in one role, and files for caches.

    <root>/models/<model id>/<version>/<role>/<component>
    <root>/checkpoints/<model id>/<version>/<role>/<component>/<step index>
    <root>/caches/<namespace>/<name>

A file is one codec message, written beside its place and moved there. Models stay with the party;
their digests and sizes travel.
"""

import hashlib
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from federation.components.component import Model
from federation.errors import (
    BadRequest,
    CheckpointNotFound,
    MalformedMessage,
    ModelNotFound,
    TableNotFound,
    Unavailable,
)
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


@dataclass(frozen=True, slots=True)
class Step:
    """When in its training a checkpoint was kept."""

    index: int
    name: str
    created_ms: int


class Models:
    """All models, checkpoints and caches under one folder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def save(self, name: ModelName, model: Model) -> Saved:
        """Keep a model, in place of one of that name."""
        return _write(self._path(name), _said(name, model))

    def find(self, name: ModelName) -> Model | None:
        """The model of that name, if there is one.

        Raises:
            Unavailable: its file is damaged.
        """
        said = _read(self._path(name), _shown(name))
        if said is None:
            return None
        return _model_of(said)

    def get(self, name: ModelName) -> Model:
        """The model of that name.

        Raises:
            ModelNotFound: there is none.
        """
        model = self.find(name)
        if model is None:
            raise ModelNotFound(name.model_id, name.model_version)
        return model

    def file_of(self, name: ModelName) -> Path:
        """The file that holds a model.

        Raises:
            ModelNotFound: there is none.
        """
        path = self._path(name)
        if not path.is_file():
            raise ModelNotFound(name.model_id, name.model_version)
        return path

    def check(self, name: ModelName, content: bytes) -> Model:
        """The model that the bytes of such a file hold.

        Raises:
            BadRequest: they are no model.
        """
        try:
            return _model_of(decode(content, _LIMITS))
        except (MalformedMessage, KeyError, TypeError):
            raise BadRequest(f"the file of {_shown(name)} is no model") from None

    def take_in(self, name: ModelName, content: bytes) -> Saved:
        """Keep a model from the bytes of such a file, in place of one of that name.

        Raises:
            BadRequest: they are no model.
        """
        return self.save(name, self.check(name, content))

    # --- checkpoints -----------------------------------------------------------------------------

    def save_checkpoint(self, name: ModelName, index: int, step_name: str, model: Model) -> Saved:
        """Keep a model as of a step of its training, in place of one of that step."""
        said = {
            "step_index": index,
            "step_name": step_name,
            "created_ms": time.time_ns() // 1_000_000,
            **_said(name, model),
        }
        return _write(self._checkpoints(name) / str(index), said)

    def checkpoints(self, name: ModelName) -> list[Step]:
        """What is kept of a training's steps, in their order."""
        folder = self._checkpoints(name)
        files = sorted(folder.iterdir(), key=_index_of) if folder.is_dir() else []
        kept = [_read(file, _shown(name)) for file in files if file.name.isdigit()]
        return [_step_of(said) for said in kept if said is not None]

    def get_checkpoint(
        self, name: ModelName, index: int | None = None, step_name: str | None = None
    ) -> tuple[Step, Model]:
        """The model as of a step, by its index or its name.

        Raises:
            CheckpointNotFound: there is none.
        """
        for step in self.checkpoints(name):
            if step.index == index or (index is None and step.name == step_name):
                said = _read(self._checkpoints(name) / str(step.index), _shown(name))
                if said is not None:
                    return step, _model_of(said)
        raise CheckpointNotFound(name.component, step_name if index is None else str(index))

    def checkpoint_file(self, name: ModelName, step: Step) -> Path:
        """The file that holds a checkpoint."""
        return self._checkpoints(name) / str(step.index)

    def drop_checkpoints(self, name: ModelName) -> None:
        """Forget all of a training's steps; none is fine."""
        shutil.rmtree(self._checkpoints(name), ignore_errors=True)

    # --- caches ----------------------------------------------------------------------------------

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
        return self._root / "models" / _folders(name)

    def _checkpoints(self, name: ModelName) -> Path:
        return self._root / "checkpoints" / _folders(name)

    def _cache_path(self, name: TableName) -> Path:
        return self._root.joinpath("caches", file_name(name.namespace), file_name(name.name))


def _folders(name: ModelName) -> Path:
    parts = (name.model_id, name.model_version, name.role, name.component)
    return Path(*map(file_name, parts))


def _shown(name: ModelName) -> str:
    return f"model {name.component} of {name.model_version}"


def _said(name: ModelName, model: Model) -> dict[str, Any]:
    return {
        "module": model.module,
        "component": model.component or name.component,
        "meta": json_like(model.meta),
        "param": json_like(model.param),
        "state": plain(model.state),
    }


def _model_of(said: Mapping[str, Any]) -> Model:
    return Model(said["module"], said["meta"], said["param"], said["state"], said["component"])


def _step_of(said: Mapping[str, Any]) -> Step:
    return Step(said["step_index"], said["step_name"], said["created_ms"])


def _index_of(file: Path) -> int:
    return int(file.name) if file.name.isdigit() else -1


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
