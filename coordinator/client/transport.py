"""HTTP/1.1 to a coordinator with nothing but the standard library.

Uploads are streamed as `multipart/form-data` (RFC 7578) with one part `file`, and the parameters
as one url-encoded JSON object in the query, as FATE's `flow` of 1.5 and later sends them.
"""

import http.client
import json
import secrets
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

Progress = Callable[[int, int], None]
BLOCK_BYTES = 256 * 1024


class Unreachable(Exception):
    """No coordinator answers at the address."""


class Transport:
    """One coordinator's address, and how to talk to it."""

    def __init__(self, url: str, timeout_s: float) -> None:
        parts = urllib.parse.urlsplit(url if "//" in url else f"http://{url}")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url!r} is not an http address")
        self.url = f"{parts.scheme}://{parts.netloc}"
        self._host, self._port, self._tls = parts.hostname, parts.port, parts.scheme == "https"
        self._timeout_s = timeout_s

    def post_json(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """The JSON answer to a JSON body.

        Raises:
            Unreachable: nobody answers, or not in JSON.
        """
        payload = json.dumps(body).encode()
        return self._answer("POST", path, payload, {"Content-Type": "application/json"})

    def post_file(
        self, path: str, parameters: Mapping[str, Any], file: Path, progress: Progress | None
    ) -> dict[str, Any]:
        """The JSON answer to an uploaded file.

        Raises:
            OSError: the file can not be read.
            Unreachable: nobody answers, or not in JSON.
        """
        boundary = secrets.token_hex(16)
        opening = (
            f"--{boundary}\r\n"
            f'Content-Disposition: form-data; name="file"; filename="{file.name}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        ).encode()
        closing = f"\r\n--{boundary}--\r\n".encode()
        size = file.stat().st_size
        query = urllib.parse.quote(json.dumps(parameters))
        headers = {
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "Content-Length": str(len(opening) + size + len(closing)),
        }
        with file.open("rb") as source:
            body = _blocks(opening, source, size, closing, progress)
            return self._answer("POST", f"{path}?{query}", body, headers)

    def download(self, path: str, body: Mapping[str, Any], target: Path) -> dict[str, Any] | None:
        """Write an attachment to `target`; None, or the JSON answer if there was none.

        Raises:
            Unreachable: nobody answers.
        """
        connection = self._connect()
        try:
            connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
            response = connection.getresponse()
            if "attachment" not in (response.getheader("Content-Disposition") or ""):
                return _json(response.read(), self.url)
            with target.open("wb") as sink:
                while block := response.read(BLOCK_BYTES):
                    sink.write(block)
            return None
        except (OSError, http.client.HTTPException) as error:
            raise self._unreachable(error) from error
        finally:
            connection.close()

    def _answer(
        self, method: str, path: str, body: bytes | Iterator[bytes], headers: Mapping[str, str]
    ) -> dict[str, Any]:
        connection = self._connect()
        try:
            connection.request(method, path, body, dict(headers))
            return _json(connection.getresponse().read(), self.url)
        except (OSError, http.client.HTTPException) as error:
            raise self._unreachable(error) from error
        finally:
            connection.close()

    def _connect(self) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self._tls else http.client.HTTPConnection
        return kind(self._host, self._port, timeout=self._timeout_s)

    def _unreachable(self, error: Exception) -> Unreachable:
        return Unreachable(
            f"no coordinator answers at {self.url} ({error}); start one with "
            "`coordinator standalone`, or name another with --url"
        )


def _blocks(
    opening: bytes, source: IO[bytes], size: int, closing: bytes, progress: Progress | None
) -> Iterator[bytes]:
    yield opening
    sent = 0
    while block := source.read(BLOCK_BYTES):
        yield block
        sent += len(block)
        if progress is not None:
            progress(sent, size)
    yield closing


def _json(content: bytes, url: str) -> dict[str, Any]:
    try:
        answer = json.loads(content)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise Unreachable(f"what answers at {url} is not a coordinator: no JSON object came back")
    return answer
