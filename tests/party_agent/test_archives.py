"""Archives of models: what goes in comes out, and nothing else comes in."""

import hashlib
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from federation.components.component import Model
from party_agent.archives import BadArchive, ModelExists, Part, manifest_of, pack, unpack
from party_agent.models import ModelName, Models

ABOUT = {"model_id": "m", "model_version": "v", "role": "guest", "party_id": "9999"}
NAMES = [ModelName("m", "v", "guest", name) for name in ("scale_0", "lr_0")]


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    models = Models(tmp_path / "old")
    for number, name in enumerate(NAMES):
        state = {"weights": np.array([0.1, number])}
        models.save(name, Model("HeteroLR", {}, {"n": number}, state))
    parts = [Part(name, "model") for name in NAMES]
    converted = tmp_path / "converted"
    (converted / "lr_0").mkdir(parents=True)
    (converted / "lr_0" / "model.json").write_text("{}")
    pack(tmp_path / "m.zip", models, ABOUT, parts, converted)
    return tmp_path / "m.zip"


def taken(archive: Path, into: Path, *, force: bool = False) -> Models:
    models = Models(into)
    unpack(archive, models, manifest_of(archive, ABOUT), force=force)
    return models


def test_models_come_back_with_the_same_bits(archive: Path, tmp_path: Path) -> None:
    models = taken(archive, tmp_path / "new")
    for number, name in enumerate(NAMES):
        again = models.get(name)
        np.testing.assert_array_equal(again.state["weights"], [0.1, number])
        assert (again.module, again.component) == ("HeteroLR", name.component)


def test_converted_files_travel_along(archive: Path) -> None:
    with zipfile.ZipFile(archive) as file:
        assert "converted/lr_0/model.json" in file.namelist()


def test_another_model_of_a_name_is_replaced_only_by_force(archive: Path, tmp_path: Path) -> None:
    models = Models(tmp_path / "new")
    models.save(NAMES[1], Model("HeteroLR", {}, {"n": 7}, {"weights": np.zeros(2)}))
    with pytest.raises(ModelExists, match="another lr_0 of model version v"):
        taken(archive, tmp_path / "new")
    assert (models.find(NAMES[0]), models.get(NAMES[1]).param["n"]) == (None, 7)
    assert taken(archive, tmp_path / "new", force=True).get(NAMES[1]).param["n"] == 1


def test_models_that_are_there_to_the_bit_are_taken_in_again(archive: Path, tmp_path: Path) -> None:
    for _ in range(2):
        models = taken(archive, tmp_path / "new")
    assert models.get(NAMES[1]).param["n"] == 1


@pytest.mark.parametrize("field", sorted(ABOUT))
def test_an_archive_of_something_else_is_refused(archive: Path, field: str) -> None:
    with pytest.raises(BadArchive, match=f"its {field} is"):
        manifest_of(archive, {**ABOUT, field: "other"})


def rewritten(archive: Path, change: Callable[[dict[str, Any]], None], **files: bytes) -> Path:
    """The archive with another manifest, and with other files."""
    target = archive.with_name("changed.zip")
    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(target, "w") as new:
        manifest = json.loads(old.read("manifest.json"))
        change(manifest)
        for name in old.namelist():
            short = name.rpartition("/")[2]
            content = files.get(short, old.read(name))
            new.writestr(name, json.dumps(manifest) if short == "manifest.json" else content)
    return target


def set_first(field: str, value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda manifest: manifest["components"][0].update({field: value})


@pytest.mark.parametrize(
    "change",
    [
        lambda manifest: manifest.pop("components"),
        lambda manifest: manifest.update(components=[5]),
        lambda manifest: manifest.update(components=[{}] * 2001),
        set_first("file", "models/nothing"),
        set_first("sha256", "0" * 64),
        set_first("size_bytes", 1),
        set_first("component", ""),
        set_first("model_id", 7),
        set_first("output", None),
    ],
)
def test_a_manifest_that_lies_is_refused_and_nothing_is_kept(
    archive: Path, tmp_path: Path, change: Callable[[dict[str, Any]], None]
) -> None:
    changed = rewritten(archive, change)
    with pytest.raises(BadArchive):
        taken(changed, tmp_path / "new")
    assert not list((tmp_path / "new").rglob("*lr_0*"))


def test_a_component_can_not_climb_out_of_the_store(archive: Path, tmp_path: Path) -> None:
    changed = rewritten(archive, set_first("component", "../../../climbed"))
    taken(changed, tmp_path / "deep" / "new")
    outside = [path for path in tmp_path.rglob("*climbed*") if "new" not in path.parts]
    assert outside == []


def test_a_file_of_another_format_is_refused(tmp_path: Path) -> None:
    for content in (b"", b"no zip", b"PK\x03\x04 half"):
        (tmp_path / "m.zip").write_bytes(content)
        with pytest.raises(BadArchive):
            manifest_of(tmp_path / "m.zip", ABOUT)


def test_a_model_in_pickles_place_is_no_model(archive: Path, tmp_path: Path) -> None:
    content = b"\x80\x04\x95\x05\x00\x00\x00\x00\x00\x00\x00\x8c\x01x\x94."
    said = {"sha256": hashlib.sha256(content).hexdigest(), "size_bytes": len(content)}
    changed = rewritten(
        archive, lambda manifest: manifest["components"][0].update(said), scale_0=content
    )
    with pytest.raises(Exception, match="is no model"):
        taken(changed, tmp_path / "new")


def test_a_manifest_behind_a_password_is_refused_by_name(archive: Path) -> None:
    content = bytearray(archive.read_bytes())
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = content.find(signature)
        while at >= 0:
            content[at + flags] |= 1
            at = content.find(signature, at + 1)
    archive.write_bytes(content)
    with pytest.raises(BadArchive, match=r"manifest\.json"):
        manifest_of(archive, ABOUT)
