"""The Replicate client: one object for everything the bot asks of Replicate's HTTP API."""

from collections.abc import Callable
from dataclasses import dataclass

import httpx
from pydantic import ValidationError

from bot.aio import Jitter, random_jitter
from bot.backends.backend import CreateAllowance
from bot.backends.errors import InvalidResponse
from bot.backends.prediction import NextReadIn, OnBatch
from bot.backends.replicate.api import ApiClient, ApiRequest, resource_path
from bot.backends.replicate.files import Files
from bot.backends.replicate.models import Deployments, Models
from bot.backends.replicate.predictions import Predictions
from bot.backends.replicate.stream import read_stream
from bot.backends.replicate.transport import ReadScheduler, read_at_once
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
        self._http = http
        self._clock = clock
        self._metrics = metrics
        self._jitter = jitter
        self._scheduler = scheduler or ReadScheduler()
        self._api = ApiClient(
            http, token=token, base_url=base_url, clock=clock, metrics=metrics, jitter=jitter, workers=workers
        )
        self.predictions = Predictions(self._api)
        self.models = Models(self._api, workers)
        self.deployments = Deployments(self._api)
        self.files = Files(self._api)
        self.webhooks = Webhooks(self._api)

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

    async def stream(
        self,
        url: str,
        on_batch: OnBatch,
        *,
        next_read_in: NextReadIn = read_at_once,
        on_interruption: Callable[[], None] | None = None,
    ) -> None:
        """Pass a prediction's stream to ``on_batch`` until its end; see ``read_stream``.

        ``url`` is the prediction's ``stream_url``; the token is not sent there. Events that were read together are one
        batch. Cancelling closes the connection at once.
        """
        await read_stream(
            self._http,
            url,
            on_batch,
            clock=self._clock,
            metrics=self._metrics,
            jitter=self._jitter,
            scheduler=self._scheduler,
            next_read_in=next_read_in,
            on_interruption=on_interruption,
        )
