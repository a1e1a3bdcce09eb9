"""The Replicate client and the HTTP connection pool it uses."""

import ssl
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy

import aiohttp
import httpx
from pydantic import ValidationError

from bot.backends.replicate.api import TIMEOUT, ApiClient, ApiRequest, CreateAllowance, Jitter, random_jitter
from bot.backends.replicate.errors import InvalidResponse
from bot.backends.replicate.files import Files
from bot.backends.replicate.models import Deployments, Models
from bot.backends.replicate.predictions import Predictions
from bot.backends.replicate.stream import OnBatch, follow_stream
from bot.backends.replicate.transport import PausableTransport, ReadScheduler, Wanted, at_once
from bot.backends.replicate.types import ApiModel, OptionalText
from bot.backends.replicate.webhooks import Webhooks
from bot.clock import Clock
from bot.observability.metrics import Metrics


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The owner of a token: ``type`` is "user" or "organization"."""

    type: str
    username: str
    name: str | None = None


class AccountAnswer(ApiModel):
    """An account as Replicate sends it."""

    type: str
    username: str
    name: OptionalText = None


# A stream is a connection, and there may be thousands.
MOST_CONNECTIONS = 8192
# A create on a connection that the server closes at that moment leaves it open whether it was received. Connections
# that were idle for longer than this are not used again, and servers keep theirs for much longer.
IDLE_CONNECTION = 5.0
# Every event is a chunk. aiohttp asks its parser for more with every chunk that is taken while it holds few, and with
# a small buffer "few" is less than two.
READ_AHEAD = 1


def open_http(*, max_connections: int = MOST_CONNECTIONS) -> httpx.AsyncClient:
    """Return an HTTP client for thousands of connections at once; close it with ``aclose()``.

    It keeps no cookies, follows no redirects and adds no token.
    """

    def session() -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(limit=max_connections, keepalive_timeout=IDLE_CONNECTION)
        return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), read_bufsize=READ_AHEAD)

    return httpx.AsyncClient(
        # aiohttp has read the system's certificates once, for everybody. httpx would read its own beside them, which
        # takes half a second and some megabytes; the transport asks for a context, and the session does not use it.
        transport=PausableTransport(verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), client=session),
        timeout=TIMEOUT,
        follow_redirects=False,
        headers={"User-Agent": "replicord"},
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
    )


class Replicate:
    """Replicate's HTTP API with one account's token.

    ``base_url`` is the API's origin without ``/v1``; the token is sent there and nowhere else. Every method raises
    the errors of ``bot.backends.replicate.errors`` only. ``http`` stays its caller's to close. ``breathing`` says
    how much of a stream is read together; without it every stream is read as it comes.
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
        breathing: ReadScheduler | None = None,
    ) -> None:
        self._http = http
        self._breathing = breathing or ReadScheduler()
        self._clock = clock
        self._metrics = metrics
        self._jitter = jitter
        self._api = ApiClient(http, token=token, base_url=base_url, clock=clock, metrics=self._metrics, jitter=jitter)
        self.predictions = Predictions(self._api)
        self.models = Models(self._api)
        self.deployments = Deployments(self._api)
        self.files = Files(self._api)
        self.webhooks = Webhooks(self._api)

    async def account(self) -> Account:
        """Return whose token it is; Unauthenticated when it is nobody's."""
        answer = await self._api.read(ApiRequest(operation="account.get", method="GET", url=self._api.url("account")))
        try:
            wire = AccountAnswer.model_validate(answer)
        except ValidationError as error:
            raise InvalidResponse("Replicate did not say whose token this is.") from error
        return Account(type=wire.type, username=wire.username, name=wire.name)

    async def stream(self, url: str, take: OnBatch, *, wanted: Wanted = at_once) -> None:
        """Hand a prediction's events to ``take``, each once and in order, to its end; StreamLost when there are none.

        ``url`` is the prediction's ``stream_url``; the token is not sent to it. Events that were read together are
        handed over together; ``wanted`` tells in how many seconds more can be put to use. Cancelled, it closes its
        connection at once.
        """
        await follow_stream(
            self._http,
            url,
            take,
            clock=self._clock,
            metrics=self._metrics,
            jitter=self._jitter,
            breathing=self._breathing,
            wanted=wanted,
        )

    @property
    def rate(self) -> CreateAllowance | None:
        """The newest rate limit that the answer to a create told, None before the first."""
        return self._api.rate
