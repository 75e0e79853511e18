"""HTTP/1.1 to a coordinator with nothing but the standard library.

Uploads are streamed as `multipart/form-data` (RFC 7578) with one part `file`, and the parameters
as one url-encoded JSON object in the query, as FATE's `flow` of 1.5 and later sends them.
"""

import http.client
import json
import secrets
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from email.message import Message
from pathlib import Path
from ssl import SSLError
from typing import IO, Any

from coordinator.client.signer import Signer

Progress = Callable[[int, int], None]
BLOCK_BYTES = 256 * 1024
MOST_ANSWER_BYTES = 1024 * 1024 * 1024


class Unreachable(Exception):
    """No coordinator answers at the address."""


class Transport:
    """One coordinator's address, and how to talk to it.

    Raises:
        ValueError: not an http address.
    """

    def __init__(self, url: str, timeout_s: float, signer: Signer | None = None) -> None:
        parts = urllib.parse.urlsplit(url if "://" in url else f"http://{url}")
        try:
            self._host, self._port = parts.hostname or "", parts.port
        except ValueError:
            self._host = ""
        if parts.scheme not in ("http", "https") or not self._host:
            raise ValueError(f"{url!r} is not an address like http://127.0.0.1:9380")
        self._tls = parts.scheme == "https"
        self._base = parts.path.rstrip("/")
        self._timeout_s = timeout_s
        self._signer = signer
        self.url = f"{parts.scheme}://{parts.netloc}{self._base}"

    def post_json(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """The JSON answer to a JSON body.

        Raises:
            Unreachable: nobody answers, or not in JSON.
        """
        with self._connection() as connection:
            self._send(connection, path, json.dumps(body).encode(), _JSON)
            return self._answer(connection.getresponse())

    def post_file(
        self,
        path: str,
        parameters: Mapping[str, Any],
        file: Path,
        progress: Progress | None,
    ) -> dict[str, Any]:
        """The JSON answer to an uploaded file, with the parameters in the query.

        Raises:
            FileNotFoundError, PermissionError, IsADirectoryError: the file can not be read.
            Unreachable: nobody answers, or not in JSON.
        """
        query = urllib.parse.quote(json.dumps(parameters))
        return self._post_parts(f"{path}?{query}", {}, file, progress)

    def post_form(self, path: str, fields: Mapping[str, Any], file: Path) -> dict[str, Any]:
        """The JSON answer to a form: text fields, and then a file as the part `file`.

        Raises:
            FileNotFoundError, PermissionError, IsADirectoryError: the file can not be read.
            Unreachable: nobody answers, or not in JSON.
        """
        return self._post_parts(path, fields, file, None)

    def _post_parts(
        self, path: str, fields: Mapping[str, Any], file: Path, progress: Progress | None
    ) -> dict[str, Any]:
        boundary = secrets.token_hex(16)
        form = {name: str(value) for name, value in fields.items()}
        texts = "".join(
            f"--{boundary}\r\n"
            f'Content-Disposition: form-data; name="{_quoted(name)}"\r\n\r\n{value}\r\n'
            for name, value in form.items()
        )
        opening = (
            f"{texts}--{boundary}\r\n"
            f'Content-Disposition: form-data; name="file"; filename="{_quoted(file.name)}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        ).encode(errors="replace")
        closing = f"\r\n--{boundary}--\r\n".encode()
        with file.open("rb") as source, self._connection() as connection:
            size = file.stat().st_size
            headers = {
                "Content-Type": f"multipart/form-data; boundary={boundary}",
                "Content-Length": str(len(opening) + size + len(closing)),
            }
            body = _blocks(opening, source, size, closing, progress)
            # Who refuses a table does not read it first: the answer may be there all the same.
            with suppress(BrokenPipeError, ConnectionResetError):
                self._send(connection, path, body, headers, form)
            return self._answer(connection.getresponse())

    def download(self, path: str, body: Mapping[str, Any], target: Path) -> dict[str, Any] | None:
        """Write an attachment to `target`; None, or the JSON answer if there was none.

        The file is there whole or not at all.

        Args:
            target: the file, or a folder for a file of the name that the server gives.

        Raises:
            Unreachable: nobody answers, or the download breaks off.
        """
        with self._connection() as connection:
            self._send(connection, path, json.dumps(body).encode(), _JSON)
            response = connection.getresponse()
            told = response.getheader("Content-Disposition") or ""
            if "attachment" not in told:
                return self._answer(response)
            if target.is_dir():
                target /= _filename_of(told)
            draft = target.with_name(f"{target.name}.part")
            try:
                with draft.open("wb") as sink:
                    while block := response.read(BLOCK_BYTES):
                        sink.write(block)
                if response.length:
                    raise ConnectionAbortedError(f"{response.length} bytes are missing")
                draft.replace(target)
            finally:
                draft.unlink(missing_ok=True)
            return None

    @contextmanager
    def _connection(self) -> Iterator[http.client.HTTPConnection]:
        kind = http.client.HTTPSConnection if self._tls else http.client.HTTPConnection
        connection = kind(self._host, self._port, timeout=self._timeout_s)
        try:
            try:
                connection.connect()
            except OSError as error:
                raise Unreachable(
                    f"no coordinator answers at {self.url} ({error}); start one with "
                    "`coordinator standalone`, or name another with --url"
                ) from error
            yield connection
        except (ConnectionError, TimeoutError, SSLError, http.client.HTTPException) as error:
            raise Unreachable(f"{self.url} broke off: {error or type(error).__name__}") from error
        finally:
            connection.close()

    def _send(
        self,
        connection: http.client.HTTPConnection,
        path: str,
        body: bytes | Iterator[bytes],
        headers: Mapping[str, str],
        form: Mapping[str, str] | None = None,
    ) -> None:
        signed: Mapping[str, str] = {}
        if self._signer is not None:
            # As FATE's: the file of an upload is not signed.
            said = body if isinstance(body, bytes) else b""
            signed = self._signer.headers(f"{self._base}{path}", said, form)
        connection.request("POST", f"{self._base}{path}", body, {**headers, **signed})

    def _answer(self, response: http.client.HTTPResponse) -> dict[str, Any]:
        try:
            answer = json.loads(response.read(MOST_ANSWER_BYTES))
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict):
            raise Unreachable(
                f"what answers at {self.url} is not a coordinator: no JSON object came back"
            )
        return answer


_JSON = {"Content-Type": "application/json"}


def _blocks(
    opening: bytes, source: IO[bytes], size: int, closing: bytes, progress: Progress | None
) -> Iterator[bytes]:
    yield opening
    sent = 0
    # A file that grows meanwhile is sent as long as it was: the length was told beforehand.
    while block := source.read(min(BLOCK_BYTES, size - sent)):
        yield block
        sent += len(block)
        if progress is not None:
            progress(sent, size)
    if sent < size:
        raise ConnectionAbortedError("the file became shorter while it was sent")
    yield closing


def _filename_of(disposition: str) -> str:
    """The file name that a Content-Disposition gives, without any folder."""
    message = Message()
    message["Content-Disposition"] = disposition
    return Path(message.get_filename() or "").name or "archive"


def _quoted(filename: str) -> str:
    """A file name between quotes, as browsers write it (WHATWG HTML, multipart/form-data)."""
    escapes = {'"': "%22", "\r": "%0D", "\n": "%0A"}
    return "".join(escapes.get(letter, letter) for letter in filename)
