"""The HTTP routes: predictions, models, account, hardware, collections, deployments."""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from aiohttp import web

from bot.clock import Clock
from sandbox.replicate import create_request
from sandbox.replicate.addresses import BaseUrls
from sandbox.replicate.catalog import Model, ModelCatalog, Version
from sandbox.replicate.errors import Problem, json_response, not_found
from sandbox.replicate.formats import paginate, parse_time
from sandbox.replicate.lifecycle import PredictionStore
from sandbox.replicate.prediction import Prediction
from sandbox.replicate.wait import wait_for_any

USERNAME = "sandbox"
_ACCOUNT = {
    "type": "user",
    "username": USERNAME,
    "name": "The Sandbox",
    "github_url": f"https://github.com/{USERNAME}",
    "avatar_url": f"https://github.com/{USERNAME}.png",
}
_HARDWARE = [
    {"name": "CPU", "sku": "cpu"},
    {"name": "Nvidia T4 GPU", "sku": "gpu-t4"},
    {"name": "Nvidia L40S GPU", "sku": "gpu-l40s"},
    {"name": "Nvidia A100 (80GB) GPU", "sku": "gpu-a100-large"},
]
_COLLECTION = {
    "name": "Sandbox",
    "slug": USERNAME,
    "description": "Invented models, one for every shape of output.",
    "full_description": None,
}


class AccountRoutes:
    """Answers for what belongs to the account."""

    def __init__(self, *, catalogue: ModelCatalog, webhook_secret: Callable[[], str]) -> None:
        self._catalogue = catalogue
        self._webhook_secret = webhook_secret

    def routes(self) -> list[web.AbstractRouteDef]:
        """Return the routes of these nouns."""
        return [
            web.get("/v1/account", self._account),
            web.get("/v1/hardware", self._hardware),
            web.get("/v1/collections", self._collections),
            web.get("/v1/collections/{slug}", self._collection),
            web.get("/v1/deployments", self._deployments),
            web.get("/v1/deployments/{owner}/{name}", self._deployment),
            web.get("/v1/webhooks/default/secret", self._secret),
        ]

    async def _account(self, _: web.Request) -> web.Response:
        return json_response(_ACCOUNT)

    async def _hardware(self, _: web.Request) -> web.Response:
        return json_response(_HARDWARE)

    async def _collections(self, _: web.Request) -> web.Response:
        shown = {name: value for name, value in _COLLECTION.items() if name != "full_description"}
        return json_response({"next": None, "previous": None, "results": [shown]})

    async def _collection(self, request: web.Request) -> web.Response:
        if request.match_info["slug"] != USERNAME:
            raise not_found()
        models = [model.as_json() for model in self._catalogue.models() if model.owner == USERNAME]
        return json_response({**_COLLECTION, "models": models})

    async def _deployments(self, _: web.Request) -> web.Response:
        results = [_deployment_json(name, model) for name, model in self._catalogue.deployments()]
        return json_response({"next": None, "previous": None, "results": results})

    async def _deployment(self, request: web.Request) -> web.Response:
        name = "{owner}/{name}".format(**request.match_info)
        model = self._catalogue.deployment(name)
        if model is None:
            raise not_found()
        return json_response(_deployment_json(name, model))

    async def _secret(self, _: web.Request) -> web.Response:
        return json_response({"key": self._webhook_secret()})


def _deployment_json(full_name: str, model: Model) -> dict[str, Any]:
    owner, name = full_name.split("/")
    return {
        "owner": owner,
        "name": name,
        "current_release": {
            "number": 1,
            "model": model.full_name,
            "version": model.versions[0].id,
            "created_at": model.versions[0].created_at,
            "created_by": _ACCOUNT,
            "configuration": {"hardware": "gpu-t4", "min_instances": 0, "max_instances": 5},
        },
    }


SEARCH_LIMIT = 50
_SEARCH_DEFAULT = 20
_SORT_KEYS = {"latest_version_created_at", "model_created_at"}


class ModelRoutes:
    """Answers for models out of the catalogue."""

    def __init__(self, *, catalogue: ModelCatalog, origins: BaseUrls) -> None:
        self._catalogue = catalogue
        self._origins = origins

    def routes(self) -> list[web.AbstractRouteDef]:
        """Return the routes of this noun."""
        model = "/v1/models/{owner}/{name}"
        return [
            web.get("/v1/models", self._list),
            web.route("QUERY", "/v1/models", self._query),
            web.get("/v1/search", self._search),
            web.get(model, self._get),
            web.get(f"{model}/versions", self._versions),
            web.get(f"{model}/versions/{{id}}", self._version),
            web.get(f"{model}/readme", self._readme),
            web.get(f"{model}/examples", self._examples),
        ]

    async def _list(self, request: web.Request) -> web.Response:
        if request.query.get("sort_by", "latest_version_created_at") not in _SORT_KEYS:
            raise Problem(400, "sort_by must be one of: model_created_at, latest_version_created_at")
        models = list(self._catalogue.models())
        if request.query.get("sort_direction", "desc") == "asc":
            models.reverse()
        return json_response(self._paged(models, request))

    async def _query(self, request: web.Request) -> web.Response:
        found = list(self._catalogue.search(await request.text()))
        return json_response({"next": None, "previous": None, "results": [model.as_json() for model in found]})

    async def _search(self, request: web.Request) -> web.Response:
        query = request.query.get("query", "")
        limit = request.query.get("limit", str(_SEARCH_DEFAULT))
        if not query:
            raise Problem(400, 'Query parameter "query" is required')
        if not limit.isdigit() or not 1 <= int(limit) <= SEARCH_LIMIT:
            raise Problem(400, 'Query parameter "limit" must be between 1 and 50')
        found = self._catalogue.search(query)[: int(limit)]
        models = [{"model": model.as_json(), "metadata": _search_metadata(model)} for model in found]
        return json_response({"query": query, "models": models, "collections": [], "pages": []})

    async def _get(self, request: web.Request) -> web.Response:
        return json_response(self._model(request).as_json())

    async def _versions(self, request: web.Request) -> web.Response:
        versions = self._model(request).versions
        return json_response({"next": None, "previous": None, "results": [version.as_json() for version in versions]})

    async def _version(self, request: web.Request) -> web.Response:
        return json_response(_find_version(self._model(request), request.match_info["id"]).as_json())

    async def _readme(self, request: web.Request) -> web.Response:
        readme = self._model(request).readme
        if readme is None:
            raise not_found()
        return web.Response(text=readme, content_type="text/plain")

    async def _examples(self, request: web.Request) -> web.Response:
        return json_response({"next": None, "previous": None, "results": list(self._model(request).examples)})

    def _model(self, request: web.Request) -> Model:
        model = self._catalogue.model("{owner}/{name}".format(**request.match_info))
        if model is None:
            raise not_found()
        return model

    def _paged(self, models: list[Model], request: web.Request) -> dict[str, Any]:
        return paginate(
            models,
            when=lambda model: parse_time(model.versions[0].created_at),
            show=Model.as_json,
            url=f"{self._origins.api}/v1/models",
            query=request.query,
        )


def _find_version(model: Model, id_: str) -> Version:
    found = next((version for version in model.versions if version.id == id_), None)
    if found is None:
        raise not_found()
    return found


def _search_metadata(model: Model) -> dict[str, Any]:
    return {"generated_description": model.description, "tags": [], "score": 1.0}


_BODY_FIELDS = frozenset({"input", "webhook", "webhook_events_filter", "stream"})


class PredictionRoutes:
    """Answers for predictions out of the book."""

    def __init__(self, *, book: PredictionStore, catalogue: ModelCatalog, origins: BaseUrls, clock: Clock) -> None:
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
        body = create_request.parse_body(
            await _parse_json(request), allowed=_BODY_FIELDS | {"version"}, required=["version", "input"]
        )
        model, version, shown = create_request.find_version(body["version"], self._catalogue)
        return await self._make(request, body, model=model, version=version, shown=shown)

    async def _create_by_model(self, request: web.Request) -> web.Response:
        model = self._catalogue.model("{owner}/{name}".format(**request.match_info))
        if model is None or not model.official:
            raise not_found()
        body = create_request.parse_body(await _parse_json(request), allowed=_BODY_FIELDS, required=["input"])
        return await self._make(
            request, body, model=model, version=model.versions[0], shown=create_request.HIDDEN_VERSION
        )

    async def _create_by_deployment(self, request: web.Request) -> web.Response:
        name = "{owner}/{name}".format(**request.match_info)
        model = self._catalogue.deployment(name)
        if model is None:
            raise not_found()
        body = create_request.parse_body(await _parse_json(request), allowed=_BODY_FIELDS, required=["input"])
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
        create_request.require_valid_input(body["input"], version)
        events = body.get("webhook_events_filter")
        order = create_request.CreateRequest(
            model=model,
            version=version,
            shown_version=shown,
            input=body["input"],
            webhook=body.get("webhook"),
            webhook_events=tuple(events) if events is not None else None,
            wait=create_request.parse_wait(request.headers.get("Prefer")),
            cancel_after=create_request.parse_cancel_after(request.headers.get("Cancel-After")),
            deployment=deployment,
        )
        prediction = self._book.create(order)
        headers = {"Location": f"{self._origins.api}/v1/predictions/{prediction.id}"}
        if order.wait is not None:
            headers["Preference-Applied"] = f"wait={order.wait}"
            await wait_for_any(self._clock, order.wait, prediction.outputs_made.wait())
        return json_response(self._shown(prediction), status=201, headers=headers)

    async def _get(self, request: web.Request) -> web.Response:
        prediction = self._find(request)
        body = self._shown(prediction)
        if prediction.number % 3 == 2:  # many real answers to a GET have no web address
            body["urls"].pop("web", None)
        return json_response(body)

    async def _list(self, request: web.Request) -> web.Response:
        after, before = (_query_time(request, name) for name in ("created_after", "created_before"))
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
        return json_response(
            paginate(rows, when=lambda row: row.created_at, show=self._shown, url=url, query=request.query)
        )

    async def _cancel(self, request: web.Request) -> web.Response:
        prediction = self._find(request)
        self._book.cancel(prediction)
        return json_response(self._shown(prediction))

    def _find(self, request: web.Request) -> Prediction:
        prediction = self._book.get(request.match_info["id"])
        if prediction is None:
            raise not_found()
        return prediction

    def _shown(self, prediction: Prediction) -> dict[str, Any]:
        return prediction.as_json(self._origins, now=self._clock.now())


async def _parse_json(request: web.Request) -> Any:
    try:
        return await request.json()
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise Problem(400, "JSON parse error", title="Bad request") from None


def _query_time(request: web.Request, name: str) -> datetime | None:
    text = request.query.get(name)
    try:
        # An unescaped + in a query arrives as a space.
        return parse_time(text.replace(" ", "+")) if text else None
    except ValueError:
        raise Problem(400, f"{name} is not a valid ISO 8601 date-time") from None
