"""What the backends of models on servers of one's own share."""

import secrets
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final

import httpx

from bot.backends.cog.addresses import SECRET_BYTES, CogAddresses
from bot.backends.cog.backend import CogBackend
from bot.backends.cog.client import open_cog_http
from bot.backends.target import ServedModel
from bot.clock import Clock
from bot.outputs.spooled import PredictionReader
from bot.settings import Settings
from bot.store.prediction_ends import PredictionEnds
from bot.store.store import Store

_KEY: Final = "cog_addresses"  # of the secret in the addresses that Cog servers send to


@dataclass(frozen=True, slots=True, kw_only=True)
class CogServers:
    """The connections to Cog servers, and the addresses at which they reach the bot."""

    http: httpx.AsyncClient
    addresses: CogAddresses

    def build_backends(
        self, settings: Settings, *, ends: PredictionEnds, reader: PredictionReader, clock: Clock
    ) -> dict[ServedModel, CogBackend]:
        """Return a backend for each of the models."""
        return {
            spec.target: CogBackend(
                self.http,
                str(spec.target),
                spec.target.urls,
                at_once=spec.at_once * len(spec.target.urls),
                addresses=self.addresses,
                ends=ends,
                reader=reader,
                clock=clock,
            )
            for spec in settings.specs
            if isinstance(spec.target, ServedModel)
        }


async def open_cog_servers(settings: Settings, store: Store, stack: AsyncExitStack) -> CogServers | None:
    """Return what the backends of served models share, None if there are none."""
    urls = [url for spec in settings.specs if isinstance(spec.target, ServedModel) for url in spec.target.urls]
    if not urls:
        return None
    secret = await store.key_value.get_or_put(_KEY, secrets.token_hex(SECRET_BYTES))
    http = await stack.enter_async_context(open_cog_http(tls=any(url.startswith("https:") for url in urls)))
    addresses = CogAddresses(settings.cog_webhook_url or settings.local_http_url, secret=bytes.fromhex(secret))
    return CogServers(http=http, addresses=addresses)
