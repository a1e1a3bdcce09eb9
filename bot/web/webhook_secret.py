"""The secret that Replicate signs its webhooks with: asked for at the start, and until Replicate returns it."""

from contextlib import suppress
from typing import Final

import structlog

from bot.aio import backoff_delay
from bot.backends.errors import BackendError, Forbidden, NotFound, Unauthenticated
from bot.backends.replicate.client import Replicate
from bot.backends.replicate.webhooks import WebhookVerifier
from bot.clock import Clock
from bot.errors import ConfigError
from bot.web.webhooks import WebhookReceiver

log = structlog.get_logger(__name__)

_RETRY_MIN: Final = 2.0  # seconds between attempts
_RETRY_MAX: Final = 60.0


class WebhookSecret:
    """Gives ``receiver`` the secret. Until then it refuses every delivery, and runs work without webhooks."""

    def __init__(self, receiver: WebhookReceiver, replicate: Replicate, *, clock: Clock) -> None:
        self._receiver = receiver
        self._replicate = replicate
        self._clock = clock

    async def load(self) -> None:
        """Ask once; ConfigError if Replicate will never return it."""
        try:
            await self._ask()
        except (Unauthenticated, Forbidden, NotFound) as error:
            raise ConfigError(
                f"WEBHOOK_URL is set, but Replicate did not return the signing secret of its webhooks: {error}"
            ) from error
        except BackendError as error:
            log.warning("webhooks_disabled", error=str(error))  # until keep_asking succeeds

    async def keep_asking(self) -> None:
        """Ask until Replicate returns it."""
        attempts = 0
        while not self._receiver.enabled:
            attempts += 1
            await self._clock.sleep(backoff_delay(attempts, initial=_RETRY_MIN, maximum=_RETRY_MAX))
            with suppress(BackendError):  # logged at the start
                await self._ask()
                log.info("webhooks_enabled")

    async def _ask(self) -> None:
        secret = await self._replicate.webhooks.get_secret()
        self._receiver.enable(WebhookVerifier(secret, self._clock))
