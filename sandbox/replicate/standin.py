"""ReplicateStandIn: Replicate's HTTP API on this machine, for any client that speaks it."""

import asyncio
import base64
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, Self

import aiohttp
from aiohttp import web

from bot import limits
from bot.clock import Clock, SystemClock
from sandbox.loopback import LISTEN_BACKLOG
from sandbox.replicate.addresses import BaseUrls
from sandbox.replicate.catalog import Model, ModelCatalog, load_bundled_models, model_from_payload
from sandbox.replicate.events import (
    CallLogged,
    EventBus,
    EventSubscription,
    FaultsChanged,
    PredictionChanged,
    StreamEventSent,
)
from sandbox.replicate.faults import Faults
from sandbox.replicate.files import FilesApi, InputFetcher, OutputFiles
from sandbox.replicate.formats import IdGenerator
from sandbox.replicate.job import Job, Timings
from sandbox.replicate.lifecycle import Lifecycle, PredictionStore
from sandbox.replicate.middleware import Throttle, auth_middleware, fault_middleware
from sandbox.replicate.prediction import Prediction
from sandbox.replicate.predictors import PREDICTORS, Predictor
from sandbox.replicate.request_log import Call, RequestLog, log_middleware, log_response_start
from sandbox.replicate.routes import USERNAME, AccountRoutes, ModelRoutes, PredictionRoutes
from sandbox.replicate.streams import StreamServer
from sandbox.replicate.webhooks import WebhookSender

HOST = "127.0.0.1"
TOKEN = "r8_sandbox"  # noqa: S105 -- the token of a service that only this machine can reach
DEPLOYMENTS = {f"{USERNAME}/portraits": "fofr/consistent-character"}
_SECRET = "whsec_" + base64.b64encode(b"the sandbox signs its webhooks").decode()
_ROOM = limits.FILE_BYTES + limits.MIB  # for a request's body


class ReplicateStandIn:
    """A whole Replicate: API, streams and delivered files, each at an address of its own on 127.0.0.1.

    ``faults`` makes it misbehave, ``calls`` are the requests that it got, ``predictions`` what was made of them, and
    ``watch()`` shows all of it as it happens. ``pace`` may be replaced at any time. ``behaviours`` are further ones by
    name, for models that are added; ``streams`` serves the streams.
    """

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        pace: Timings | None = None,
        token: str = TOKEN,
        webhook_secret: str = _SECRET,
        ids: IdGenerator | None = None,
        throttle: Throttle | None = None,
        behaviours: Mapping[str, Predictor] | None = None,
        streams: type[StreamServer] = StreamServer,
    ) -> None:
        self.clock = clock or SystemClock()
        self.pace = pace or Timings()
        self.token = token
        self.webhook_secret = webhook_secret
        self.throttle = throttle or Throttle(clock=self.clock)
        self.calls = RequestLog()
        self.faults = Faults()
        self.models = ModelCatalog()
        self._origins = BaseUrls()
        self._happenings = EventBus()
        self._closing = asyncio.Event()
        self._runners: list[web.AppRunner] = []
        self._sites: dict[str, web.TCPSite] = {}
        self._offline = False
        self._session: aiohttp.ClientSession | None = None
        self._behaviours = {**PREDICTORS, **(behaviours or {})}
        self._build(ids or IdGenerator(), streams)
        for model in load_bundled_models():
            self.models.add(model)
        for name, model_name in DEPLOYMENTS.items():
            self.models.deploy(name, model_name)

    @property
    def base_url(self) -> str:
        """``http://127.0.0.1:<port>``, without ``/v1``, as Replicate's clients take it."""
        return self._origins.api

    @property
    def stream_url(self) -> str:
        """The origin of every ``urls.stream``."""
        return self._origins.stream

    @property
    def delivery_url(self) -> str:
        """The origin of every output file."""
        return self._origins.delivery

    @property
    def file_hosts(self) -> tuple[str, ...]:
        """The hosts that output files come from."""
        return (HOST,)

    @property
    def predictions(self) -> Mapping[str, Prediction]:
        """Every prediction by its id, oldest first."""
        return self._book

    async def start(self, port: int = 0) -> Self:
        """Listen: the API at ``port`` (0: any free one), streams and files at free ones."""
        self._session = aiohttp.ClientSession()
        self._reader.start(self._session)
        self._webhooks.start(self._session)
        api = [*self._predictions.routes(), *self._models.routes(), *self._files.routes(), *self._account.routes()]
        strike = fault_middleware(self.faults, clock=self.clock, closing=self._closing)
        guard = auth_middleware(
            token=lambda: self.token, throttle=lambda: self.throttle, online=lambda: not self._offline
        )
        self._origins.api = await self._listen("api", api, strike, guard, port=port)
        # A stream's own faults can do all that could go wrong with it; and its handler leaves with its client.
        self._origins.stream = await self._listen("stream", self._streams.routes(), leave_with_client=True)
        self._origins.delivery = await self._listen("delivery", self._delivery.routes(), strike)
        return self

    async def go_offline(self) -> None:
        """Refuse every connection to the API, and cut those that are open, until ``come_online``."""
        self._offline = True
        await self._sites["api"].stop()

    async def come_online(self) -> None:
        """Listen again at the old address."""
        runner, port = self._runners[0], int(self._origins.api.rpartition(":")[2])
        self._sites["api"] = web.TCPSite(runner, HOST, port, backlog=LISTEN_BACKLOG)
        await self._sites["api"].start()
        self._offline = False

    async def stop(self) -> None:
        """Stop listening; end every prediction, stream and webhook where it stands."""
        self._closing.set()
        await self._book.stop()
        await self._webhooks.stop()
        for runner in self._runners:
            await runner.cleanup()
        self._runners.clear()
        if self._session is not None:
            await self._session.close()
        self._happenings.close()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def watch(self) -> EventSubscription:
        """Return an async iterator over everything that happens from now on; close it when it is done with."""
        return self._happenings.watch()

    def add_model(self, payload: Mapping[str, Any], *, behaviour: str = "shape", official: bool | None = None) -> Model:
        """Add a model as the API shows it; what it makes is invented to fit its Output schema.

        ``behaviour`` is a name in ``behaviours.BEHAVIOURS``; ``official`` decides where the payload does not.
        """
        model = model_from_payload(payload, behaviour=behaviour, official=official)
        self.models.add(model)
        return model

    def download_url(self, file_id: str) -> str:
        """Return a signed address at which anybody may download an uploaded file for an hour."""
        return self._files.download_url(file_id, expires=self.clock.now() + limits.DATA_KEPT)

    def prediction_json(self, prediction: Prediction) -> dict[str, Any]:
        """Return a prediction as a GET would now show it."""
        return prediction.as_json(self._origins, now=self.clock.now())

    def _build(self, ids: IdGenerator, streams: type[StreamServer]) -> None:
        clock, faults = self.clock, self.faults
        self._streams = streams(clock=clock, faults=faults, closing=self._closing)
        self._delivery = OutputFiles(origins=self._origins, ids=ids, clock=clock, faults=faults)
        self._files = FilesApi(
            origins=self._origins,
            ids=ids,
            clock=clock,
            owner=USERNAME,
            signing_secret=lambda: self.webhook_secret,
        )
        self._reader = InputFetcher(self._files.content)
        self._book = PredictionStore(
            clock=clock, pace=lambda: self.pace, ids=ids, faults=faults, streams=self._streams, live=self._life
        )
        self._webhooks = WebhookSender(
            secret=lambda: self.webhook_secret,
            ids=ids,
            clock=clock,
            faults=faults,
            show=self.prediction_json,
            tell=self._happenings.tell,
        )
        self._predictions = PredictionRoutes(book=self._book, catalogue=self.models, origins=self._origins, clock=clock)
        self._models = ModelRoutes(catalogue=self.models, origins=self._origins)
        self._account = AccountRoutes(catalogue=self.models, webhook_secret=lambda: self.webhook_secret)
        faults.on_change.append(self._tell_faults)

    async def _listen(
        self,
        name: str,
        routes: Iterable[web.AbstractRouteDef],
        *guards: Any,
        port: int = 0,
        leave_with_client: bool = False,
    ) -> str:
        record = log_middleware(self.calls, origin=name, clock=self.clock, tell=self._tell_call)
        app = web.Application(middlewares=[record, *guards], client_max_size=_ROOM)
        app.add_routes(routes)
        app.on_response_prepare.append(log_response_start)
        runner = web.AppRunner(app, access_log=None, handler_cancellation=leave_with_client, shutdown_timeout=0.5)
        await runner.setup()
        self._sites[name] = web.TCPSite(runner, HOST, port, backlog=LISTEN_BACKLOG)
        await self._sites[name].start()
        self._runners.append(runner)
        bound: int = runner.addresses[0][1]
        return f"http://{HOST}:{bound}"

    def _life(self, prediction: Prediction) -> Lifecycle:
        return Lifecycle(
            prediction,
            work=partial(self._job, prediction),
            behave=self._behaviours[prediction.model.behaviour],
            clock=self.clock,
            faults=self.faults,
            tell=self._tell_prediction,
            tell_event=self._tell_event,
        )

    def _job(self, prediction: Prediction, life: Lifecycle) -> Job:
        return Job(
            id=prediction.id,
            input=prediction.kept_input,
            output_schema=prediction.version.output,
            schemas=prediction.version.schemas,
            subject_matter=f"{prediction.model.name} {prediction.model.description}",
            clock=self.clock,
            pace=lambda: self.pace,
            log=life.log,
            output=life.output,
            result=life.result,
            save=self._delivery.inline if prediction.inlines_files else self._delivery.save,
            read=self._reader.read,
            withheld=lambda: self.faults.take("image-withheld", prediction.model.full_name) is not None,
            secrets=prediction.version.secrets,
        )

    def _tell_prediction(self, prediction: Prediction, event: str) -> None:
        if self._happenings.watched:
            self._happenings.tell(PredictionChanged(self.prediction_json(prediction)))
        self._webhooks.notice(prediction, event)
        if event == "completed" and prediction.stream_path is not None:
            self._streams.expire(prediction.stream_path)

    def _tell_event(self, prediction: Prediction, event: str, id_: str, data: str) -> None:
        self._happenings.tell(StreamEventSent(prediction.id, event, id_, data))

    def _tell_call(self, call: Call) -> None:
        self._happenings.tell(CallLogged(call))

    def _tell_faults(self) -> None:
        self._happenings.tell(FaultsChanged(tuple(fault.name for fault in self.faults.active)))
