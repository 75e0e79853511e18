r"""FATE's signed requests: who asks, shown by an HMAC over what is asked.

    message = TIMESTAMP \n NONCE \n APP_KEY \n path?query \n body \n form
    SIGNATURE = base64(HMAC-SHA1(secret, message))

`body` is the JSON body as it was sent, `form` the fields sorted and percent-encoded; either is
empty where there is none. Of a multipart body its text fields are the form; its file is not signed,
so that who sits on the way could change a file that is sent without TLS. TIMESTAMP is in epoch
milliseconds and may differ from our clock by a minute; a nonce is taken once in that time.
HMAC-SHA1 is what FATE's clients compute; the collisions known of SHA-1 do not break an HMAC.
Source: fate-client 1.11.3, flow_sdk/client/base.py.
"""

import base64
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode

HEADERS = ("TIMESTAMP", "NONCE", "APP_KEY", "SIGNATURE")


@dataclass(frozen=True, slots=True)
class Stamp:
    """What the headers of a signed request say."""

    timestamp: str
    nonce: str
    app_key: str
    signature: str


def signature_of(
    secret: str,
    stamp: Stamp,
    path: str,
    body: bytes = b"",
    form: Mapping[str, str] | None = None,
) -> str:
    """The signature that a stamp should have.

    Args:
        path: path and query as on the wire.
        body: the JSON body as it was sent.
        form: text fields of a form.
    """
    fields = urlencode(sorted((form or {}).items()), quote_via=quote, safe="-._~")
    said = (stamp.timestamp, stamp.nonce, stamp.app_key, path)
    message = b"\n".join([*(part.encode() for part in said), body, fields.encode()])
    return base64.b64encode(hmac.digest(secret.encode(), message, "sha1")).decode()
