"""One seat's share of a model as a zip: what it is, and a file for each component.

    manifest.json              documents of the training and of the deployed version, who was in it,
                               and each component's file with its digest
    models/<component>         the file of the model store: one codec message, never a pickle
    converted/<component>/...  what was made of it for other software, if anything

Whoever gets the archive learns this party's parameters of the model. A file is only taken in if it
is named in the manifest, has its digest, and decodes in the closed codec.
"""

import hashlib
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from federation.errors import BadRequest, Conflict, ModelNotFound
from party_agent.models import ModelName, Models

FORMAT = "tripact model archive"
FORMAT_VERSION = 1
MANIFEST = "manifest.json"
MOST_BYTES = 1 << 30
MOST_FILES = 2000
MOST_MANIFEST_BYTES = 16 << 20


class BadArchive(BadRequest):
    """A file is no archive of a model, or not of the one it was said to be."""

    code = "bad_archive"

    def __init__(self, why: str) -> None:
        super().__init__(f"the archive can not be taken: {why}", why=why)


class ModelExists(Conflict):
    """A seat's share of a model version is there already, and is another one."""

    code = "model_exists"

    def __init__(self, model_version: str, component: str) -> None:
        super().__init__(
            f"another {component} of model version {model_version} is here already; set "
            "force_update to replace it",
            model_version=model_version,
            component=component,
        )


@dataclass(frozen=True, slots=True)
class Part:
    """A component's model, and where it is kept.

    Attributes:
        output: the output's name in the DSL.
    """

    name: ModelName
    output: str


def pack(
    path: Path, models: Models, about: Mapping[str, Any], parts: Sequence[Part], converted: Path
) -> None:
    """Write the archive of some models.

    Args:
        about: what the coordinator says of the version.
        converted: folder of what was made of the models, which may be missing.

    Raises:
        ModelNotFound: one is not here.
    """
    entries = []
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for part in parts:
            content = models.file_of(part.name).read_bytes()
            inside = f"models/{part.name.component}"
            file.writestr(inside, content)
            entries.append(
                {
                    "component": part.name.component,
                    "output": part.output,
                    "module": models.get(part.name).module,
                    "model_id": part.name.model_id,
                    "model_version": part.name.model_version,
                    "file": inside,
                    "sha256": hashlib.sha256(content).hexdigest(),
                    "size_bytes": len(content),
                }
            )
        for made in sorted(converted.rglob("*")) if converted.is_dir() else ():
            if made.is_file():
                file.write(made, f"converted/{made.relative_to(converted)}")
        manifest = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            **about,
            "components": entries,
        }
        file.writestr(MANIFEST, json.dumps(manifest, indent=1, sort_keys=True))


def manifest_of(path: Path, expected: Mapping[str, str]) -> dict[str, Any]:
    """What an archive says it is.

    Args:
        expected: fields that must be as given, such as the role.

    Raises:
        BadArchive: it is none, or another one.
    """
    try:
        with zipfile.ZipFile(path) as file:
            info = file.getinfo(MANIFEST)
            if info.file_size > MOST_MANIFEST_BYTES:
                raise BadArchive("its manifest is too large")
            manifest = json.loads(file.read(info))
    except (zipfile.BadZipFile, KeyError, ValueError, OSError, RuntimeError):
        raise BadArchive("it is no zip with a manifest.json") from None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise BadArchive("its manifest is of another kind")
    if manifest.get("format_version") != FORMAT_VERSION:
        raise BadArchive("another version of Tripact made it")
    for name, value in expected.items():
        if str(manifest.get(name)) != value:
            raise BadArchive(f"its {name} is {manifest.get(name)}, not {value}")
    return manifest


def unpack(path: Path, models: Models, manifest: Mapping[str, Any], *, force: bool) -> None:
    """Take the models of an archive in; all of them, or none.

    A model that is here to the bit is no hindrance.

    Raises:
        BadArchive: a file is missing, too large, altered, or no model.
        ModelExists: another one is here already, and `force` is not set.
    """
    found = [(_part_of(entry, manifest), entry) for entry in _entries(manifest)]
    with zipfile.ZipFile(path) as file:
        contents = [_content(file, entry) for _, entry in found]
    for (part, _), content in zip(found, contents, strict=True):
        models.check(part.name, content)
        if not force and _is_another(models, part.name, content):
            raise ModelExists(part.name.model_version, part.name.component)
    for (part, _), content in zip(found, contents, strict=True):
        models.take_in(part.name, content)


def _is_another(models: Models, name: ModelName, content: bytes) -> bool:
    """Whether a model of that name is here, and not of these bytes."""
    try:
        return models.file_of(name).read_bytes() != content
    except ModelNotFound:
        return False


def _entries(manifest: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    entries = manifest.get("components")
    if not isinstance(entries, list) or len(entries) > MOST_FILES:
        raise BadArchive("its manifest names no components")
    return entries


def _part_of(entry: Mapping[str, Any], manifest: Mapping[str, Any]) -> Part:
    try:
        names = (entry["model_id"], entry["model_version"], manifest["role"], entry["component"])
        if not all(isinstance(name, str) and name for name in (*names, entry["output"])):
            raise BadArchive("its manifest names a component without a name")
        return Part(ModelName(*names), entry["output"])
    except (KeyError, TypeError):
        raise BadArchive("its manifest leaves out what a component is") from None


def _content(file: zipfile.ZipFile, entry: Mapping[str, Any]) -> bytes:
    """The bytes of one model, no more than its manifest and the limit say."""
    component = entry["component"]
    try:
        info = file.getinfo(str(entry.get("file")))
        if info.file_size > MOST_BYTES or info.file_size != entry.get("size_bytes"):
            raise BadArchive(f"the file of {component} has another size than its manifest says")
        content = file.read(info)
    except (zipfile.BadZipFile, KeyError, OSError, RuntimeError):
        raise BadArchive(f"the file of {component} is missing or broken") from None
    if hashlib.sha256(content).hexdigest() != entry.get("sha256"):
        raise BadArchive(f"the file of {component} is not the one its manifest names")
    return content
