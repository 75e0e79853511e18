"""Requests signed as FATE's clients sign them, where a server asks who comes."""

import os
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from federation.fateflow.stamp import HEADERS, Stamp, signature_of

APP_KEY, SECRET_KEY = "TRIPACT_APP_KEY", "TRIPACT_SECRET_KEY"
"""Variables of the environment with the key and the secret of an app."""


@dataclass(frozen=True, slots=True)
class Signer:
    """An app, or a user of a gateway."""

    app_key: str
    secret_key: str

    @classmethod
    def of_environment(cls) -> "Signer | None":
        """The one that the environment names; None if it names none."""
        app_key, secret = os.environ.get(APP_KEY, ""), os.environ.get(SECRET_KEY, "")
        return cls(app_key, secret) if app_key and secret else None

    def headers(
        self, path: str, body: bytes, form: Mapping[str, str] | None = None
    ) -> Mapping[str, str]:
        """Headers for one request.

        Args:
            path: path and query as on the wire.
            body: the JSON body; empty for any other.
            form: text fields of a multipart body.
        """
        now_ms = time.time_ns() // 1_000_000
        bare = Stamp(str(now_ms), str(uuid.uuid4()), self.app_key, "")
        signature = signature_of(self.secret_key, bare, path, body, form)
        values = (bare.timestamp, bare.nonce, bare.app_key, signature)
        return dict(zip(HEADERS, values, strict=True))
