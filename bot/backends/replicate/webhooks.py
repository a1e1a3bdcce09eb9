"""Webhooks: the account's signing secret, and the verification of deliveries.

The scheme is Standard Webhooks (standardwebhooks.com): HMAC-SHA256 over the id, the timestamp and the body.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Final

from bot.backends.errors import ForgedWebhook, InvalidResponse, StaleWebhook
from bot.backends.replicate.api import ApiClient, ApiRequest, resource_path
from bot.clock import Clock
from bot.limits import WEBHOOK_ID_CHARS, WEBHOOK_TOLERANCE

ID_HEADER: Final = "webhook-id"
TIMESTAMP_HEADER: Final = "webhook-timestamp"
SIGNATURE_HEADER: Final = "webhook-signature"

_ID: Final = re.compile(rf"[!-~]{{1,{WEBHOOK_ID_CHARS}}}")
_TIMESTAMP: Final = re.compile(r"[0-9]{1,11}")
# HMAC-SHA256 in base64. There may be several, two while a secret is rotated, and later versions of the scheme.
_SIGNATURE: Final = re.compile(r"(?<!\S)v1,[A-Za-z0-9+/]{43}=(?!\S)")


class Webhooks:
    """The webhooks of the account."""

    def __init__(self, api: ApiClient) -> None:
        self._api = api

    async def get_secret(self) -> str:
        """Return the secret that Replicate signs its deliveries with ("whsec_…")."""
        path = resource_path("webhooks", "default", "secret")
        response = await self._api.request_object(ApiRequest(operation="webhooks.secret", method="GET", path=path))
        key = response.get("key")
        if not isinstance(key, str) or not key:
            raise InvalidResponse("Replicate's response has no webhook secret.")
        return key


class WebhookVerifier:
    """Verify that Replicate signed a delivery within the last five minutes.

    The constructor raises InvalidResponse if the secret is not base64.
    """

    def __init__(self, secret: str, clock: Clock) -> None:
        self._key = _decode_secret(secret)
        self._clock = clock

    def __repr__(self) -> str:
        return "WebhookVerifier()"

    def begin(self, headers: Mapping[str, str]) -> "DeliveryVerification":
        """Check what is known before a body is read; raise ForgedWebhook or StaleWebhook.

        ``headers`` are looked up by lower-case names.
        """
        id_, timestamp = headers.get(ID_HEADER, ""), headers.get(TIMESTAMP_HEADER, "")
        signatures = frozenset(_SIGNATURE.findall(headers.get(SIGNATURE_HEADER, "")))
        if not (_ID.fullmatch(id_) and signatures and _TIMESTAMP.fullmatch(timestamp)):
            raise ForgedWebhook("The delivery lacks the headers of a signed webhook.")
        signed_at = datetime.fromtimestamp(int(timestamp), UTC)
        if abs(self._clock.now() - signed_at) > WEBHOOK_TOLERANCE:
            raise StaleWebhook("The delivery's timestamp is more than five minutes from now.")
        return DeliveryVerification(_start_signature(self._key, id_, timestamp), signatures)


class DeliveryVerification:
    """The verification of one delivery: ``update`` with its body as it arrives, then ``finish``.

    The library of Standard Webhooks takes whole bodies only. Sixteen megabytes of a stranger's would be kept, copied
    four times, and hashed while everything else waits.
    """

    def __init__(self, digest: "hmac.HMAC", signatures: Collection[str]) -> None:
        self._digest = digest
        self._signatures = signatures

    def update(self, chunk: bytes) -> None:
        self._digest.update(chunk)

    def finish(self) -> None:
        """Return if the delivery is authentic; raise ForgedWebhook if it is not."""
        expected = _format_signature(self._digest)
        if not any(hmac.compare_digest(expected, signature) for signature in self._signatures):
            raise ForgedWebhook("The delivery is not signed with this account's webhook secret.")


def sign_delivery(secret: str, *, delivery_id: str, timestamp: int, body: bytes) -> str:
    """Return the value of the signature header; InvalidResponse if the secret is not base64."""
    digest = _start_signature(_decode_secret(secret), delivery_id, str(timestamp))
    digest.update(body)
    return _format_signature(digest)


def _decode_secret(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"))
    except (binascii.Error, ValueError):
        key = b""
    if not key:
        raise InvalidResponse("Replicate's webhook secret is not base64, so webhooks cannot be verified.")
    return key


def _start_signature(key: bytes, delivery_id: str, timestamp: str) -> "hmac.HMAC":
    return hmac.new(key, f"{delivery_id}.{timestamp}.".encode(), hashlib.sha256)


def _format_signature(digest: "hmac.HMAC") -> str:
    return f"v1,{base64.b64encode(digest.digest()).decode()}"
