"""The routes of predictions: create (three roads), get, list, cancel."""

import json
from datetime import datetime
from typing import Any

from aiohttp import web

from bot.clock import Clock
from sandbox.replicate import orders
from sandbox.replicate.answers import Problem, not_found, ok
from sandbox.replicate.book import Book
from sandbox.replicate.catalogue import Catalogue, Model, Version
from sandbox.replicate.origins import Origins
from sandbox.replicate.paging import page
from sandbox.replicate.prediction import Prediction
from sandbox.replicate.stamps import read
from sandbox.replicate.waiting import within

_BODY = frozenset({"input", "webhook", "webhook_events_filter", "stream"})


class PredictionRoutes:
    """Answers for predictions out of the book."""

    def __init__(self, *, book: Book, catalogue: Catalogue, origins: Origins, clock: Clock) -> None:
        self._book = book
        self._catalogue = catalogue
        self._origins = origins
        self._clock = clock

    def routes(self) -> list[web.AbstractRouteDef]:
        """Return the routes of this noun."""
        return [
            web.post("/v1/predictions", self._create),
            web.post("/v1/models/{owner}/{name}/predictions", self._create_by_model),
            web.post("/v1/deployments/{owner}/{name}/predictions", self._create_by_deployment),
            web.get("/v1/predictions", self._list),
            web.get("/v1/predictions/{id}", self._get),
            web.post("/v1/predictions/{id}/cancel", self._cancel),
        ]

    async def _create(self, request: web.Request) -> web.Response:
        body = orders.read_body(await _json(request), allowed=_BODY | {"version"}, required=["version", "input"])
        model, version, shown = orders.find_version(body["version"], self._catalogue)
        return await self._make(request, body, model=model, version=version, shown=shown)

    async def _create_by_model(self, request: web.Request) -> web.Response:
        model = self._catalogue.model("{owner}/{name}".format(**request.match_info))
        if model is None or not model.official:
            raise not_found()
        body = orders.read_body(await _json(request), allowed=_BODY, required=["input"])
        return await self._make(request, body, model=model, version=model.versions[0], shown=orders.HIDDEN)

    async def _create_by_deployment(self, request: web.Request) -> web.Response:
        name = "{owner}/{name}".format(**request.match_info)
        model = self._catalogue.deployment(name)
        if model is None:
            raise not_found()
        body = orders.read_body(await _json(request), allowed=_BODY, required=["input"])
        version = model.versions[0]
        return await self._make(request, body, model=model, version=version, shown=version.id, deployment=name)

    async def _make(
        self,
        request: web.Request,
        body: dict[str, Any],
        *,
        model: Model,
        version: Version,
        shown: str,
        deployment: str | None = None,
    ) -> web.Response:
        orders.check_input(body["input"], version)
        events = body.get("webhook_events_filter")
        order = orders.Order(
            model=model,
            version=version,
            shown_version=shown,
            input=body["input"],
            webhook=body.get("webhook"),
            webhook_events=tuple(events) if events is not None else None,
            wait=orders.read_wait(request.headers.get("Prefer")),
            cancel_after=orders.read_cancel_after(request.headers.get("Cancel-After")),
            deployment=deployment,
        )
        prediction = self._book.create(order)
        headers = {"Location": f"{self._origins.api}/v1/predictions/{prediction.id}"}
        if order.wait is not None:
            headers["Preference-Applied"] = f"wait={order.wait}"
            await within(self._clock, order.wait, prediction.outputs_made.wait())
        return ok(self._shown(prediction), status=201, headers=headers)

    async def _get(self, request: web.Request) -> web.Response:
        prediction = self._find(request)
        body = self._shown(prediction)
        if prediction.number % 3 == 2:  # many real answers to a GET have no web address
            body["urls"].pop("web", None)
        return ok(body)

    async def _list(self, request: web.Request) -> web.Response:
        after, before = (_moment(request, name) for name in ("created_after", "created_before"))
        source = request.query.get("source")
        if source not in (None, "web"):
            raise Problem(400, 'source must be one of the following: "web"')
        rows = [
            prediction
            for prediction in self._book.newest_first()
            if (after is None or prediction.created_at >= after)
            and (before is None or prediction.created_at < before)
            and source is None  # nothing here was made on the web
        ]
        url = f"{self._origins.api}/v1/predictions"
        return ok(page(rows, when=lambda row: row.created_at, show=self._shown, url=url, query=request.query))

    async def _cancel(self, request: web.Request) -> web.Response:
        prediction = self._find(request)
        self._book.cancel(prediction)
        return ok(self._shown(prediction))

    def _find(self, request: web.Request) -> Prediction:
        prediction = self._book.get(request.match_info["id"])
        if prediction is None:
            raise not_found()
        return prediction

    def _shown(self, prediction: Prediction) -> dict[str, Any]:
        return prediction.as_json(self._origins, now=self._clock.now())


async def _json(request: web.Request) -> Any:
    try:
        return await request.json()
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise Problem(400, "JSON parse error", title="Bad request") from None


def _moment(request: web.Request, name: str) -> datetime | None:
    text = request.query.get(name)
    try:
        # An unescaped + in a query arrives as a space.
        return read(text.replace(" ", "+")) if text else None
    except ValueError:
        raise Problem(400, f"{name} is not a valid ISO 8601 date-time") from None
