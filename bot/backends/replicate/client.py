"""The Replicate client: one object for everything the bot asks of Replicate's HTTP API."""

from dataclasses import dataclass

import httpx
from pydantic import ValidationError

from bot.aio import Jitter, random_jitter
from bot.backends.backend import CreateAllowance
from bot.backends.errors import InvalidResponse
from bot.backends.replicate.api import ApiClient, ApiRequest, resource_path
from bot.backends.replicate.files import Files
from bot.backends.replicate.models import Deployments, Models
from bot.backends.replicate.predictions import Predictions
from bot.backends.replicate.stream import Streams
from bot.backends.replicate.transport import ReadScheduler
from bot.backends.replicate.types import ApiModel
from bot.backends.replicate.webhooks import Webhooks
from bot.clock import Clock
from bot.observability.metrics import Metrics
from bot.worker_pool import WorkerPool


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The owner of a token: ``type`` is "user" or "organization"."""

    type: str
    username: str


class _AccountJson(ApiModel):
    type: str
    username: str


class Replicate:
    """Replicate's HTTP API with the token of one account.

    ``base_url`` is the API's address with or without ``/v1``, or a gateway's that stands in for it (see
    ``api.api_roots``); the token is sent to that origin only. Every method raises only the errors of
    ``bot.backends.replicate.errors``. The caller closes ``http``. ``scheduler`` decides when streams are read; without
    it they are read as data arrives. ``workers`` reads responses of megabytes; without it they are read here.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        *,
        token: str,
        base_url: str,
        clock: Clock,
        metrics: Metrics,
        jitter: Jitter = random_jitter,
        scheduler: ReadScheduler | None = None,
        workers: WorkerPool | None = None,
    ) -> None:
        self._api = ApiClient(
            http, token=token, base_url=base_url, clock=clock, metrics=metrics, jitter=jitter, workers=workers
        )
        self.predictions = Predictions(self._api)
        self.models = Models(self._api, workers)
        self.deployments = Deployments(self._api)
        self.files = Files(self._api)
        self.webhooks = Webhooks(self._api)
        self.streams = Streams(
            http, clock=clock, metrics=metrics, jitter=jitter, scheduler=scheduler or ReadScheduler()
        )

    @property
    def create_allowance(self) -> CreateAllowance | None:
        """The rate limit in the latest response to a create, None before the first."""
        return self._api.create_allowance

    async def get_account(self) -> Account:
        """Return the account of the token; raise Unauthenticated if the token is invalid."""
        request = ApiRequest(operation="account.get", method="GET", path=resource_path("account"))
        try:
            parsed = _AccountJson.model_validate(await self._api.request_object(request))
        except ValidationError as error:
            raise InvalidResponse("Replicate sent an account that cannot be parsed.") from error
        return Account(type=parsed.type, username=parsed.username)
