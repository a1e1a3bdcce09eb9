"""Webhooks: the account's signing secret, and whether a delivery was signed with it."""

import binascii
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from standardwebhooks.webhooks import EmptyWebhookSecretError, Webhook

from bot.backends.replicate.api import ApiClient, ApiRequest
from bot.backends.replicate.errors import ForgedWebhook, InvalidResponse, StaleWebhook
from bot.clock import Clock
from bot.limits import WEBHOOK_TOLERANCE

__all__ = ["ForgedWebhook", "StaleWebhook", "WebhookVerifier", "Webhooks"]

ID_HEADER: Final = "webhook-id"
TIMESTAMP_HEADER: Final = "webhook-timestamp"
SIGNATURE_HEADER: Final = "webhook-signature"
_MOST_SIGNATURES: Final = 16


class Webhooks:
    """The account's webhooks."""

    def __init__(self, api: ApiClient) -> None:
        self._api = api

    async def secret(self) -> str:
        """Return the secret that Replicate signs its deliveries with ("whsec_…")."""
        url = self._api.url("webhooks", "default", "secret")
        key = (await self._api.read(ApiRequest(operation="webhooks.secret", method="GET", url=url))).get("key")
        if not isinstance(key, str) or not key:
            raise InvalidResponse("Replicate named no webhook secret.")
        return key


class WebhookVerifier:
    """Tells deliveries that Replicate signed, lately, from all others.

    The scheme is Standard Webhooks; its library signs, and the time is compared here, by the clock that was handed
    in. BadAnswer when the secret is not one.
    """

    def __init__(self, secret: str, clock: Clock) -> None:
        try:
            self._scheme = Webhook(secret)
        except (binascii.Error, ValueError, EmptyWebhookSecretError):
            raise InvalidResponse("Replicate's webhook secret is not base64, so no delivery can be checked.") from None
        self._clock = clock

    def __repr__(self) -> str:
        return "WebhookVerifier()"

    def check_time(self, headers: Mapping[str, str]) -> datetime:
        """Return when the delivery was signed, by its headers alone.

        ForgedWebhook when they are not those of a signed delivery, StaleWebhook when the time is over five minutes
        away in either direction. This is what can be said before a body is read.
        """
        stamp = headers.get(TIMESTAMP_HEADER, "")
        if not (headers.get(ID_HEADER) and headers.get(SIGNATURE_HEADER) and re.fullmatch("[0-9]{1,11}", stamp)):
            raise ForgedWebhook("The delivery does not have the headers of a signed one.")
        signed_at = datetime.fromtimestamp(int(stamp), UTC)
        if abs(self._clock.now() - signed_at) > WEBHOOK_TOLERANCE:
            raise StaleWebhook("The delivery was signed more than five minutes from now.")
        return signed_at

    def check(self, headers: Mapping[str, str], body: bytes) -> None:
        """Return if the delivery is signed and fresh; ForgedWebhook or StaleWebhook if not.

        ``headers`` are found by lower-case names.
        """
        signed_at = self.check_time(headers)
        try:
            expected = self._scheme.sign(headers[ID_HEADER], signed_at, body.decode())
        except UnicodeDecodeError:
            raise ForgedWebhook("The delivery's body is not text.") from None
        given = headers[SIGNATURE_HEADER].split(" ")[:_MOST_SIGNATURES]
        # Every signature is compared, in constant time: while a secret is being changed there are two.
        matches = [hmac.compare_digest(expected.encode(), each.encode("utf-8", "replace")) for each in given]
        if not any(matches):
            raise ForgedWebhook("The delivery is not signed with this account's webhook secret.")
