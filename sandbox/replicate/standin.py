"""ReplicateStandIn: Replicate's HTTP API on this machine, for any client."""

import asyncio
import base64
import socket
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
from sandbox.replicate.files import FilesApi, InputFetcher, OutputFiles, UploadedFile
from sandbox.replicate.formats import IdGenerator
from sandbox.replicate.job import Job, Timings
from sandbox.replicate.lifecycle import Lifecycle, PredictionStore
from sandbox.replicate.middleware import Throttle, auth_middleware, fault_middleware, log_middleware, log_response_start
from sandbox.replicate.prediction import Prediction
from sandbox.replicate.predictors import PREDICTORS, Predictor
from sandbox.replicate.routes import USERNAME, AccountRoutes, ModelRoutes, PredictionRoutes
from sandbox.replicate.streams import StreamServer
from sandbox.replicate.webhooks import WebhookSender
from sandbox.request_log import Call, RequestLog

HOST = "127.0.0.1"
TOKEN = "r8_sandbox"  # noqa: S105 -- the token of a service that only this machine can reach
DEPLOYMENTS = {f"{USERNAME}/portraits": "fofr/consistent-character"}
_SECRET = "whsec_" + base64.b64encode(b"the sandbox signs its webhooks").decode()
_MAX_BODY_BYTES = limits.FILE_BYTES + limits.MIB


class ReplicateStandIn:
    """A complete Replicate: API, streams and output files, each at its own address on 127.0.0.1.

    ``faults`` makes it misbehave, ``calls`` is the log of requests, ``predictions`` holds what they created, and
    ``subscribe()`` yields everything as it happens. ``timings`` may be replaced at any time. ``predictors`` adds
    predictors by name, for models that are added; ``streams`` is the class that serves the streams. ``picture_scale``
    shrinks the pictures that are drawn, for who only counts them: most of a run's CPU goes into drawing.
    """

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        timings: Timings | None = None,
        token: str = TOKEN,
        webhook_secret: str = _SECRET,
        ids: IdGenerator | None = None,
        throttle: Throttle | None = None,
        predictors: Mapping[str, Predictor] | None = None,
        streams: type[StreamServer] = StreamServer,
    ) -> None:
        self.clock = clock or SystemClock()
        self.timings = timings or Timings()
        self.picture_scale = 1.0
        self.token = token
        self.webhook_secret = webhook_secret
        self.throttle = throttle or Throttle(clock=self.clock)
        self.calls = RequestLog()
        self.faults = Faults()
        self.catalog = ModelCatalog()
        self._base_urls = BaseUrls()
        self._events = EventBus()
        self._closing = asyncio.Event()
        self._runners: list[web.AppRunner] = []
        self._sites: dict[str, web.TCPSite] = {}
        self._kept_port: socket.socket | None = None  # while it is offline
        self._offline = False
        self._session: aiohttp.ClientSession | None = None
        self._predictors = {**PREDICTORS, **(predictors or {})}
        self._build(ids or IdGenerator(), streams)
        for model in load_bundled_models():
            self.catalog.add(model)
        for name, model_name in DEPLOYMENTS.items():
            self.catalog.deploy(name, model_name)

    @property
    def base_url(self) -> str:
        """``http://127.0.0.1:<port>``, without ``/v1``, as Replicate's clients expect it."""
        return self._base_urls.api

    @property
    def stream_url(self) -> str:
        """The origin of every ``urls.stream``."""
        return self._base_urls.stream

    @property
    def delivery_url(self) -> str:
        """The origin of every output file."""
        return self._base_urls.delivery

    @property
    def uploads(self) -> tuple[UploadedFile, ...]:
        """The files that were uploaded, the oldest first."""
        return self._files.uploads

    @property
    def file_hosts(self) -> tuple[str, ...]:
        """The hosts of output files."""
        return (HOST,)

    @property
    def predictions(self) -> Mapping[str, Prediction]:
        """Every prediction by its id, oldest first."""
        return self._store

    async def start(self, port: int = 0) -> Self:
        """Listen: the API on ``port`` (0: any free port), streams and files on free ports."""
        self._session = aiohttp.ClientSession()
        self._input_fetcher.use_session(self._session)
        self._webhooks.use_session(self._session)
        api = [
            *self._prediction_routes.routes(),
            *self._model_routes.routes(),
            *self._files.routes(),
            *self._account_routes.routes(),
        ]
        apply_faults = fault_middleware(self.faults, clock=self.clock, closing=self._closing)
        authenticate = auth_middleware(
            token=lambda: self.token, throttle=lambda: self.throttle, online=lambda: not self._offline
        )
        self._base_urls.api = await self._listen("api", api, apply_faults, authenticate, port=port)
        # Streams have faults of their own, and their handlers are cancelled when the client disconnects.
        self._base_urls.stream = await self._listen("stream", self._streams.routes(), handler_cancellation=True)
        self._base_urls.delivery = await self._listen("delivery", self._output_files.routes(), apply_faults)
        return self

    async def go_offline(self) -> None:
        """Refuse every connection to the API, and cut those that are open, until ``come_online``."""
        self._offline = True
        await self._sites["api"].stop()
        self._kept_port = socket.socket()  # does not listen, but nobody else gets the port
        self._kept_port.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._kept_port.bind((HOST, self._api_port))

    async def come_online(self) -> None:
        """Listen again at the same address."""
        if self._kept_port is not None:
            self._kept_port.close()
        self._sites["api"] = web.TCPSite(self._runners[0], HOST, self._api_port, backlog=LISTEN_BACKLOG)
        await self._sites["api"].start()
        self._offline = False

    @property
    def _api_port(self) -> int:
        return int(self._base_urls.api.rpartition(":")[2])

    async def stop(self) -> None:
        """Stop listening; stop every prediction, stream and webhook where it is."""
        self._closing.set()
        if self._kept_port is not None:
            self._kept_port.close()
        await self._store.stop()
        await self._webhooks.stop()
        for runner in self._runners:
            await runner.cleanup()
        self._runners.clear()
        if self._session is not None:
            await self._session.close()
        self._events.close()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def subscribe(self) -> EventSubscription:
        """Return an async iterator over everything that happens from now on; close it after use."""
        return self._events.subscribe()

    def add_model(
        self, payload: Mapping[str, Any], *, predictor: str = "from_schema", official: bool | None = None
    ) -> Model:
        """Add a model from the API's response for it; by default its outputs are made up from its Output schema.

        ``predictor`` is a name in ``predictors.PREDICTORS``; ``official`` overrides the payload.
        """
        model = model_from_payload(payload, predictor=predictor, official=official)
        self.catalog.add(model)
        return model

    def download_url(self, file_id: str) -> str:
        """Return a signed URL at which an uploaded file can be downloaded without a token for an hour."""
        return self._files.download_url(file_id, expires=self.clock.now() + limits.DATA_KEPT)

    def prediction_json(self, prediction: Prediction) -> dict[str, Any]:
        """Return a prediction as a GET returns it now."""
        return prediction.to_json(self._base_urls, now=self.clock.now())

    def _build(self, ids: IdGenerator, streams: type[StreamServer]) -> None:
        clock, faults = self.clock, self.faults
        self._streams = streams(clock=clock, faults=faults, closing=self._closing)
        self._output_files = OutputFiles(base_urls=self._base_urls, ids=ids, clock=clock, faults=faults)
        self._files = FilesApi(
            base_urls=self._base_urls,
            ids=ids,
            clock=clock,
            owner=USERNAME,
            signing_secret=lambda: self.webhook_secret,
        )
        self._input_fetcher = InputFetcher(self._files.find_content)
        self._store = PredictionStore(
            clock=clock,
            timings=lambda: self.timings,
            ids=ids,
            faults=faults,
            streams=self._streams,
            make_lifecycle=self._make_lifecycle,
        )
        self._webhooks = WebhookSender(
            secret=lambda: self.webhook_secret,
            ids=ids,
            clock=clock,
            faults=faults,
            to_json=self.prediction_json,
            on_sent=self._events.publish,
        )
        self._prediction_routes = PredictionRoutes(
            store=self._store, catalog=self.catalog, base_urls=self._base_urls, clock=clock
        )
        self._model_routes = ModelRoutes(catalog=self.catalog, base_urls=self._base_urls)
        self._account_routes = AccountRoutes(catalog=self.catalog, webhook_secret=lambda: self.webhook_secret)
        faults.on_change.append(self._publish_faults)

    async def _listen(
        self,
        name: str,
        routes: Iterable[web.AbstractRouteDef],
        *middlewares: Any,
        port: int = 0,
        handler_cancellation: bool = False,
    ) -> str:
        log_requests = log_middleware(self.calls, origin=name, clock=self.clock, on_call=self._publish_call)
        app = web.Application(middlewares=[log_requests, *middlewares], client_max_size=_MAX_BODY_BYTES)
        app.add_routes(routes)
        app.on_response_prepare.append(log_response_start)
        runner = web.AppRunner(app, access_log=None, handler_cancellation=handler_cancellation, shutdown_timeout=0.5)
        await runner.setup()
        self._sites[name] = web.TCPSite(runner, HOST, port, backlog=LISTEN_BACKLOG)
        await self._sites[name].start()
        self._runners.append(runner)
        bound_port: int = runner.addresses[0][1]
        return f"http://{HOST}:{bound_port}"

    def _make_lifecycle(self, prediction: Prediction) -> Lifecycle:
        return Lifecycle(
            prediction,
            make_job=partial(self._make_job, prediction),
            predict=self._predictors[prediction.model.predictor],
            clock=self.clock,
            faults=self.faults,
            on_change=self._on_prediction_change,
            on_stream_event=self._publish_stream_event,
        )

    def _make_job(self, prediction: Prediction, lifecycle: Lifecycle) -> Job:
        return Job(
            id=prediction.id,
            input=prediction.model_input,
            output_schema=prediction.version.output,
            schemas=prediction.version.schemas,
            model_description=f"{prediction.model.name} {prediction.model.description}",
            clock=self.clock,
            timings=lambda: self.timings,
            log=lifecycle.log,
            add_output=lifecycle.add_output,
            set_output=lifecycle.set_output,
            save_file=self._output_files.to_data_uri if prediction.inlines_files else self._output_files.save,
            read_file=self._input_fetcher.fetch,
            is_withheld=lambda: self.faults.trigger("image-withheld", prediction.model.full_name) is not None,
            secrets=prediction.version.secrets,
            picture_scale=self.picture_scale,
        )

    def _on_prediction_change(self, prediction: Prediction, event: str) -> None:
        if self._events.has_subscribers:
            self._events.publish(PredictionChanged(self.prediction_json(prediction)))
        self._webhooks.enqueue(prediction, event)
        if event == "completed" and prediction.stream_path is not None:
            self._streams.expire_channel(prediction.stream_path)

    def _publish_stream_event(self, prediction: Prediction, event: str, event_id: str, data: str) -> None:
        self._events.publish(StreamEventSent(prediction.id, event, event_id, data))

    def _publish_call(self, call: Call) -> None:
        self._events.publish(CallLogged(call))

    def _publish_faults(self) -> None:
        self._events.publish(FaultsChanged(tuple(fault.name for fault in self.faults.active)))
