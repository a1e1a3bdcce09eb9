"""Webhook signatures as the Standard Webhooks specification describes them, without the bot's own code."""

import base64
import hashlib
import hmac

KEY = b"a key of this test suite"
SECRET = "whsec_" + base64.b64encode(KEY).decode()


def sign(body: bytes, *, at: int, id: str = "msg_1", key: bytes = KEY) -> str:  # noqa: A002 - the header's word
    digest = hmac.new(key, f"{id}.{at}.".encode() + body, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def signed_headers(
    body: bytes,
    *,
    at: int,
    id: str = "msg_1",  # noqa: A002 - the header's word
    key: bytes = KEY,
) -> dict[str, str]:
    """Return the headers of a webhook signed at the Unix time ``at``."""
    return {
        "webhook-id": id,
        "webhook-timestamp": str(at),
        "webhook-signature": sign(body, at=at, id=id, key=key),
    }
