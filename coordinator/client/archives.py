"""Archives a coordinator sends, unpacked below a folder."""

import tarfile
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from coordinator.client.refusal import FlowError
from coordinator.client.transport import Transport, Unreachable

FETCH_S = 600.0


def fetch(url: str, route: str, body: Mapping[str, Any], folder: Path) -> None:
    """Unpack the archive of `/v1/<route>` into `folder`.

    Raises:
        FlowError: the server said no.
        Unreachable: nobody answers, or what came is no archive.
        OSError: the folder can not be written.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder.parent, prefix=".fetch") as scratch:
        target = Path(scratch) / "archive.tar.gz"
        refused = Transport(url, FETCH_S).download(f"/v1/{route}", body, target)
        if refused is not None:
            raise FlowError(refused)
        try:
            with tarfile.open(target, "r:gz") as tar:
                # "data": no links out of the folder, no devices, no odd permissions.
                tar.extractall(folder, filter="data")
        except (tarfile.TarError, EOFError) as error:
            raise Unreachable(f"{url} sent a broken archive: {error}") from error


def save(url: str, route: str, body: Mapping[str, Any], folder: Path) -> None:
    """Keep the archive of `/v1/<route>` in `folder` as it is, under the name the server gives it.

    Raises:
        FlowError: the server said no.
        Unreachable: nobody answers, or the download breaks off.
        OSError: the folder can not be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    refused = Transport(url, FETCH_S).download(f"/v1/{route}", body, folder)
    if refused is not None:
        raise FlowError(refused)
