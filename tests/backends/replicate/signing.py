"""Signs deliveries as Standard Webhooks writes it down, without the library that our check uses."""

import base64
import hashlib
import hmac

KEY = b"a key of this test suite"
SECRET = "whsec_" + base64.b64encode(KEY).decode()


def signature(body: bytes, *, at: int, id: str = "msg_1", key: bytes = KEY) -> str:  # noqa: A002 - the header's word
    digest = hmac.new(key, f"{id}.{at}.".encode() + body, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def signed(body: bytes, *, at: int, id: str = "msg_1", key: bytes = KEY) -> dict[str, str]:  # noqa: A002 - likewise
    return {
        "webhook-id": id,
        "webhook-timestamp": str(at),
        "webhook-signature": signature(body, at=at, id=id, key=key),
    }
