"""What the manifest of an archive says of a model: its training, its deployed version, its files.

Pure. A manifest comes from elsewhere: what does not make sense is refused.
"""

from collections.abc import Mapping
from typing import Any, cast

from coordinator.domain.deployment import job_of
from coordinator.domain.records import Deployment, OutputModel, Training
from coordinator.domain.share import Wanted
from federation.errors import BadRequest, InvalidInput
from federation.spec.documents import JsonObject
from federation.spec.predict import check_deployed


class BadManifest(BadRequest):
    """An archive's documents are no training."""

    code = "bad_manifest"

    def __init__(self, why: str) -> None:
        super().__init__(f"the archive's documents can not be taken: {why}", why=why)


def documents_of(
    wanted: Wanted, manifest: Mapping[str, Any], now_ms: int
) -> tuple[Training, Deployment | None]:
    """The training and the deployed version of an archive.

    Raises:
        BadManifest: they do not make sense.
    """
    try:
        said, deployed = manifest["train"], manifest.get("deployed")
        training = Training(
            wanted.model_id,
            str(said["model_version"]),
            dict(said["dsl"]),
            dict(said["conf"]),
            int(said["created_ms"]),
            int(said["ended_ms"]),
            str(said.get("description", "")),
        )
        job = job_of(training)
        if wanted.seat not in job.seats:
            raise BadManifest(f"{wanted.seat} took no part in it")
        if deployed is None:
            if training.model_version != wanted.model_version:
                raise BadManifest("they are of another version")
            return training, None
        dsl = cast(JsonObject, dict(deployed["dsl"]))
        check_deployed(dsl, cast(JsonObject, dict(training.dsl)))
    except (KeyError, TypeError, ValueError):
        raise BadManifest("parts of them are missing") from None
    except InvalidInput as error:
        raise BadManifest(error.message) from None
    deployment = Deployment(
        wanted.model_id, wanted.model_version, training.model_version, dsl, now_ms
    )
    return training, deployment


def parts_of(wanted: Wanted, manifest: Mapping[str, Any]) -> list[OutputModel]:
    """The models of an archive.

    Raises:
        BadManifest: they do not make sense.
    """
    try:
        return [
            OutputModel(
                job_id=str(manifest["train"]["model_version"]),
                component=str(entry["component"]),
                role=wanted.seat.role,
                party_id=wanted.seat.party_id,
                model_id=str(entry["model_id"]),
                model_version=str(entry["model_version"]),
                output=str(entry["output"]),
                digest=str(entry["sha256"]),
                size_bytes=int(entry["size_bytes"]),
            )
            for entry in manifest["components"]
        ]
    except (KeyError, TypeError, ValueError):
        raise BadManifest("its components are not described") from None
