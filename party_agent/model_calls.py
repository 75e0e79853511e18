"""What the coordinator may ask about this party's models.

| method | answer |
|---|---|
| `export_model` {about, role, parts} | bytes out: the seat's share as a zip; then {sha256, ...} |
| `import_model` {expected, force}, bytes in | {manifest, sha256} |
| `store_model` {about, role, parts, archive} | {sha256, size_bytes}: the zip stays at this party |
| `restore_model` {archive, expected, sha256, force} | {manifest, sha256} |
| `copy_model` {role, parts, to} | nothing; the models stand under another name as well |
| `convert_model` {role, parts, framework} | {components}: names of files by component |
| `checkpoints` {model_id, model_version, role, component} | list of steps |
| `checkpoint` {..., step_index, step_name} | that step with the model's bytes |
| `use_checkpoint` {..., to, or_last} | {digest, size_bytes}; it stands under another name as well |

What a component learned leaves as far as the policy allows, and so does what is taken in.
"""

import asyncio
import base64
import hashlib
import secrets
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from federation.components.common.conversion import SKLEARN, convert, is_convertible
from federation.errors import BadRequest, CheckpointNotFound
from party_agent.archives import BadArchive, Part, manifest_of, pack, unpack
from party_agent.home import Home, write_atomically
from party_agent.models import ModelName, Models, Step
from party_agent.names import file_name
from party_agent.policy import Ask, Rules
from party_agent.spool import spool
from party_agent.streams import CHUNK_BYTES, Stream

Method = Callable[[dict[str, Any], Stream], Awaitable[Any]]


class ArchiveNotFound(BadRequest):
    """This party stored no archive of that name."""

    code = "archive_not_found"

    def __init__(self, archive: str) -> None:
        super().__init__(f"this party stored no archive {archive}; see model/store")


class _Args(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())


class _Part(_Args):
    model_id: str
    model_version: str
    component: str
    output: str = "model"


class _Parts(_Args):
    role: str
    parts: tuple[_Part, ...]
    about: dict[str, Any] = Field(default_factory=dict)
    archive: str = ""
    framework: str = SKLEARN
    to: tuple[str, str] = ("", "")

    @property
    def named(self) -> list[Part]:
        """The parts as the model store names them."""
        return [
            Part(ModelName(p.model_id, p.model_version, self.role, p.component), p.output)
            for p in self.parts
        ]


class _Taking(_Args):
    expected: dict[str, str]
    force: bool = False
    archive: str = ""
    sha256: str = ""


class _Checkpoint(_Args):
    model_id: str
    model_version: str
    role: str
    component: str
    step_index: int | None = None
    step_name: str | None = None
    to: tuple[str, str] = ("", "")
    or_last: bool = False

    @property
    def named(self) -> ModelName:
        """The model as the model store names it."""
        return ModelName(self.model_id, self.model_version, self.role, self.component)


class ModelCalls:
    """Questions about models."""

    def __init__(self, home: Home, rules: Rules) -> None:
        self._home = home
        self._rules = rules
        self._models = Models(home.models)
        self.methods: dict[str, Method] = {
            "export_model": self._export,
            "import_model": self._import,
            "store_model": self._store,
            "restore_model": self._restore,
            "copy_model": self._copy,
            "convert_model": self._convert,
            "checkpoints": self._checkpoints,
            "checkpoint": self._checkpoint,
            "use_checkpoint": self._use_checkpoint,
        }

    # --- archives --------------------------------------------------------------------------------

    async def _export(self, args: dict[str, Any], stream: Stream) -> Any:
        asked = _Parts.model_validate(args)
        for part in asked.named:
            self._check("model", part.name)
        with self._spooled() as path:
            await self._packed(path, asked)
            await stream.write_all(_pieces(path))
            return _described(path)

    async def _store(self, args: dict[str, Any], _: Stream) -> Any:
        asked = _Parts.model_validate(args)
        with self._spooled() as path:
            await self._packed(path, asked)
            kept = self._archive(asked.archive)
            kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.replace(kept)
        return _described(kept)

    async def _import(self, args: dict[str, Any], stream: Stream) -> Any:
        asked = _Taking.model_validate(args)
        self._check_import(asked.expected)
        with self._spooled() as path:
            await spool(path, stream.blocks())
            return await asyncio.to_thread(self._take_in, path, asked)

    async def _restore(self, args: dict[str, Any], _: Stream) -> Any:
        asked = _Taking.model_validate(args)
        path = self._archive(asked.archive)
        if not path.is_file():
            raise ArchiveNotFound(asked.archive)
        if asked.sha256 and _described(path)["sha256"] != asked.sha256:
            raise BadArchive("its SHA-256 is another one")
        return await asyncio.to_thread(self._take_in, path, asked)

    def _take_in(self, path: Path, asked: _Taking) -> dict[str, Any]:
        manifest = manifest_of(path, asked.expected)
        unpack(path, self._models, manifest, force=asked.force)
        return {"manifest": manifest, **_described(path)}

    async def _packed(self, path: Path, asked: _Parts) -> None:
        converted = self._converted(asked) if asked.parts else path.with_suffix(".none")
        await asyncio.to_thread(pack, path, self._models, asked.about, asked.named, converted)

    # --- other names and other files -------------------------------------------------------------

    async def _copy(self, args: dict[str, Any], _: Stream) -> Any:
        asked = _Parts.model_validate(args)
        for part in asked.named:
            model = self._models.get(part.name)
            self._models.save(ModelName(*asked.to, asked.role, part.name.component), model)

    async def _convert(self, args: dict[str, Any], _: Stream) -> Any:
        asked = _Parts.model_validate(args)
        models = {p.name.component: self._models.get(p.name) for p in asked.named}
        chosen = {n: m for n, m in models.items() if is_convertible(m.module)} or models
        made = {name: convert(model, asked.framework) for name, model in chosen.items()}
        for component, files in made.items():
            folder = self._converted(asked) / file_name(component) / asked.framework
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for name, content in files.items():
                write_atomically(folder / name, content)
        return {"components": {component: sorted(files) for component, files in made.items()}}

    # --- checkpoints -----------------------------------------------------------------------------

    async def _checkpoints(self, args: dict[str, Any], _: Stream) -> Any:
        asked = _Checkpoint.model_validate(args)
        self._check("model", asked.named)
        return [_told(step) for step in self._models.checkpoints(asked.named)]

    async def _checkpoint(self, args: dict[str, Any], _: Stream) -> Any:
        asked = _Checkpoint.model_validate(args)
        self._check("model", asked.named)
        step, model = self._models.get_checkpoint(asked.named, asked.step_index, asked.step_name)
        content = self._models.checkpoint_file(asked.named, step).read_bytes()
        models = {f"{model.module}Model": base64.b64encode(content).decode()}
        return {**_told(step), "models": models}

    async def _use_checkpoint(self, args: dict[str, Any], _: Stream) -> Any:
        asked = _Checkpoint.model_validate(args)
        try:
            model = self._models.get_checkpoint(asked.named, asked.step_index, asked.step_name)[1]
        except CheckpointNotFound:
            if not asked.or_last:
                raise
            model = self._models.get(asked.named)
        name = ModelName(*asked.to, asked.role, asked.component)
        return asdict(self._models.save(name, model))

    # --- inside ----------------------------------------------------------------------------------

    def _check(self, what: Any, name: ModelName) -> None:
        shown = f"{name.model_id}/{name.model_version}"
        self._rules.check(Ask(what, name.component, name.role, models=(shown,)))

    def _check_import(self, expected: Mapping[str, str]) -> None:
        shown = f"{expected.get('model_id')}/{expected.get('model_version')}"
        self._rules.check(Ask("import", role=expected.get("role", ""), models=(shown,)))

    def _archive(self, name: str) -> Path:
        return self._home.root / "archives" / f"{file_name(name or '-')}.zip"

    def _converted(self, asked: _Parts) -> Path:
        part = asked.parts[0]
        names = map(file_name, (part.model_id, part.model_version, asked.role))
        return self._home.models.joinpath("converted", *names)

    @contextmanager
    def _spooled(self) -> Iterator[Path]:
        """A place for a file that is gone afterwards, wherever it was not moved to."""
        path = self._home.spool / f"model-{secrets.token_hex(8)}.zip"
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from iter(partial(file.read, CHUNK_BYTES), b"")


def _described(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"sha256": digest, "size_bytes": path.stat().st_size}


def _told(step: Step) -> dict[str, Any]:
    return {"step_index": step.index, "step_name": step.name, "created_ms": step.created_ms}
