"""Webhooks: the account's signing secret, and the verification of deliveries by Standard Webhooks."""

import binascii
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from standardwebhooks.webhooks import EmptyWebhookSecretError, Webhook, WebhookVerificationError

from bot.backends.replicate.api import ApiClient, ApiRequest, resource_path
from bot.backends.replicate.errors import ForgedWebhook, InvalidResponse, StaleWebhook
from bot.clock import Clock
from bot.limits import WEBHOOK_TOLERANCE

ID_HEADER: Final = "webhook-id"
TIMESTAMP_HEADER: Final = "webhook-timestamp"
SIGNATURE_HEADER: Final = "webhook-signature"

_TIMESTAMP: Final = re.compile(r"[0-9]{1,11}")
# HMAC-SHA256 in base64. The library's ``verify`` raises for a header with anything else in it, even beside a valid
# signature, and there may be several: two while a secret is rotated, and later versions of the scheme.
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
        try:
            self._webhook = Webhook(secret)
        except (binascii.Error, ValueError, EmptyWebhookSecretError):
            raise InvalidResponse("Replicate's webhook secret is not base64, so webhooks cannot be verified.") from None
        self._clock = clock

    def __repr__(self) -> str:
        return "WebhookVerifier()"

    def verify_headers(self, headers: Mapping[str, str]) -> None:
        """Check what is known before a body is read; raise ForgedWebhook or StaleWebhook.

        ``headers`` are looked up by lower-case names.
        """
        timestamp = headers.get(TIMESTAMP_HEADER, "")
        if not (headers.get(ID_HEADER) and headers.get(SIGNATURE_HEADER) and _TIMESTAMP.fullmatch(timestamp)):
            raise ForgedWebhook("The delivery lacks the headers of a signed webhook.")
        signed_at = datetime.fromtimestamp(int(timestamp), UTC)
        if abs(self._clock.now() - signed_at) > WEBHOOK_TOLERANCE:
            raise StaleWebhook("The delivery's timestamp is more than five minutes from now.")

    def verify(self, headers: Mapping[str, str], body: bytes) -> None:
        """Return if the delivery is authentic; raise ForgedWebhook or StaleWebhook if it is not."""
        self.verify_headers(headers)
        signed = {
            ID_HEADER: headers[ID_HEADER],
            TIMESTAMP_HEADER: headers[TIMESTAMP_HEADER],
            SIGNATURE_HEADER: " ".join(_SIGNATURE.findall(headers[SIGNATURE_HEADER])),
        }
        try:
            self._webhook.verify(body, signed, json_parse=False)
        except UnicodeDecodeError:
            raise ForgedWebhook("The delivery's body is not text.") from None
        except WebhookVerificationError:
            raise ForgedWebhook("The delivery is not signed with this account's webhook secret.") from None
