"""The HTTP routes of the API: predictions, models, the account and what belongs to it."""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from aiohttp import web

from bot.aio import race
from bot.clock import Clock
from sandbox.replicate import create_request
from sandbox.replicate.addresses import BaseUrls
from sandbox.replicate.catalog import Model, ModelCatalog, Version
from sandbox.replicate.errors import Problem, json_response, not_found
from sandbox.replicate.formats import paginate, parse_time
from sandbox.replicate.lifecycle import PredictionStore
from sandbox.replicate.prediction import Prediction

USERNAME = "sandbox"
SEARCH_LIMIT = 50
_DEFAULT_SEARCH_LIMIT = 20
_SORT_KEYS = {"latest_version_created_at", "model_created_at"}
_BODY_FIELDS = frozenset({"input", "webhook", "webhook_events_filter", "stream"})
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
    "description": "Fictional models, one for every kind of output.",
    "full_description": None,
}


class AccountRoutes:
    """The routes of the account, hardware, collections, deployments and the webhook secret."""

    def __init__(self, *, catalog: ModelCatalog, webhook_secret: Callable[[], str]) -> None:
        self._catalog = catalog
        self._webhook_secret = webhook_secret

    def routes(self) -> list[web.AbstractRouteDef]:
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
        summary = {name: value for name, value in _COLLECTION.items() if name != "full_description"}
        return json_response({"next": None, "previous": None, "results": [summary]})

    async def _collection(self, request: web.Request) -> web.Response:
        if request.match_info["slug"] != USERNAME:
            raise not_found()
        models = [model.to_json() for model in self._catalog.models() if model.owner == USERNAME]
        return json_response({**_COLLECTION, "models": models})

    async def _deployments(self, _: web.Request) -> web.Response:
        results = [_deployment_json(name, model) for name, model in self._catalog.deployments()]
        return json_response({"next": None, "previous": None, "results": results})

    async def _deployment(self, request: web.Request) -> web.Response:
        name = "{owner}/{name}".format(**request.match_info)
        model = self._catalog.find_deployment(name)
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


class ModelRoutes:
    """The routes of models: get, list, search, versions, readme, examples."""

    def __init__(self, *, catalog: ModelCatalog, base_urls: BaseUrls) -> None:
        self._catalog = catalog
        self._base_urls = base_urls

    def routes(self) -> list[web.AbstractRouteDef]:
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
        models = list(self._catalog.models())
        if request.query.get("sort_direction", "desc") == "asc":
            models.reverse()
        return json_response(self._paginate(models, request))

    async def _query(self, request: web.Request) -> web.Response:
        found = list(self._catalog.search(await request.text()))
        return json_response({"next": None, "previous": None, "results": [model.to_json() for model in found]})

    async def _search(self, request: web.Request) -> web.Response:
        query = request.query.get("query", "")
        limit = request.query.get("limit", str(_DEFAULT_SEARCH_LIMIT))
        if not query:
            raise Problem(400, 'Query parameter "query" is required')
        if not limit.isdigit() or not 1 <= int(limit) <= SEARCH_LIMIT:
            raise Problem(400, 'Query parameter "limit" must be between 1 and 50')
        found = self._catalog.search(query)[: int(limit)]
        models = [{"model": model.to_json(), "metadata": _search_metadata(model)} for model in found]
        return json_response({"query": query, "models": models, "collections": [], "pages": []})

    async def _get(self, request: web.Request) -> web.Response:
        return json_response(self._find_model(request).to_json())

    async def _versions(self, request: web.Request) -> web.Response:
        versions = self._find_model(request).versions
        return json_response({"next": None, "previous": None, "results": [version.to_json() for version in versions]})

    async def _version(self, request: web.Request) -> web.Response:
        return json_response(_find_version(self._find_model(request), request.match_info["id"]).to_json())

    async def _readme(self, request: web.Request) -> web.Response:
        readme = self._find_model(request).readme
        if readme is None:
            raise not_found()
        return web.Response(text=readme, content_type="text/plain")

    async def _examples(self, request: web.Request) -> web.Response:
        return json_response({"next": None, "previous": None, "results": list(self._find_model(request).examples)})

    def _find_model(self, request: web.Request) -> Model:
        model = self._catalog.find_model("{owner}/{name}".format(**request.match_info))
        if model is None:
            raise not_found()
        return model

    def _paginate(self, models: list[Model], request: web.Request) -> dict[str, Any]:
        return paginate(
            models,
            time_of=lambda model: parse_time(model.versions[0].created_at),
            to_json=Model.to_json,
            url=f"{self._base_urls.api}/v1/models",
            query=request.query,
        )


def _find_version(model: Model, id_: str) -> Version:
    found = next((version for version in model.versions if version.id == id_), None)
    if found is None:
        raise not_found()
    return found


def _search_metadata(model: Model) -> dict[str, Any]:
    return {"generated_description": model.description, "tags": [], "score": 1.0}


class PredictionRoutes:
    """The routes of predictions: create (three endpoints), get, list, cancel."""

    def __init__(self, *, store: PredictionStore, catalog: ModelCatalog, base_urls: BaseUrls, clock: Clock) -> None:
        self._store = store
        self._catalog = catalog
        self._base_urls = base_urls
        self._clock = clock

    def routes(self) -> list[web.AbstractRouteDef]:
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
        model, version, displayed = create_request.find_version(body["version"], self._catalog)
        return await self._create_prediction(request, body, model=model, version=version, displayed=displayed)

    async def _create_by_model(self, request: web.Request) -> web.Response:
        model = self._catalog.find_model("{owner}/{name}".format(**request.match_info))
        if model is None or not model.official:
            raise not_found()
        body = create_request.parse_body(await _parse_json(request), allowed=_BODY_FIELDS, required=["input"])
        return await self._create_prediction(
            request, body, model=model, version=model.versions[0], displayed=create_request.HIDDEN_VERSION
        )

    async def _create_by_deployment(self, request: web.Request) -> web.Response:
        name = "{owner}/{name}".format(**request.match_info)
        model = self._catalog.find_deployment(name)
        if model is None:
            raise not_found()
        body = create_request.parse_body(await _parse_json(request), allowed=_BODY_FIELDS, required=["input"])
        version = model.versions[0]
        return await self._create_prediction(
            request, body, model=model, version=version, displayed=version.id, deployment=name
        )

    async def _create_prediction(
        self,
        request: web.Request,
        body: dict[str, Any],
        *,
        model: Model,
        version: Version,
        displayed: str,
        deployment: str | None = None,
    ) -> web.Response:
        create_request.require_valid_input(body["input"], version)
        events = body.get("webhook_events_filter")
        create = create_request.CreateRequest(
            model=model,
            version=version,
            displayed_version=displayed,
            input=body["input"],
            webhook=body.get("webhook"),
            webhook_events=tuple(events) if events is not None else None,
            wait=create_request.parse_wait(request.headers.get("Prefer")),
            cancel_after=create_request.parse_cancel_after(request.headers.get("Cancel-After")),
            deployment=deployment,
        )
        prediction = self._store.create(create)
        headers = {"Location": f"{self._base_urls.api}/v1/predictions/{prediction.id}"}
        if create.wait is not None:
            headers["Preference-Applied"] = f"wait={create.wait}"
            await race(self._clock.sleep(create.wait), prediction.outputs_ready.wait())
        return json_response(self._to_json(prediction), status=201, headers=headers)

    async def _get(self, request: web.Request) -> web.Response:
        prediction = self._find_prediction(request)
        body = self._to_json(prediction)
        if prediction.number % 3 == 2:  # many real responses to a GET lack it
            body["urls"].pop("web", None)
        return json_response(body)

    async def _list(self, request: web.Request) -> web.Response:
        after, before = (_query_time(request, name) for name in ("created_after", "created_before"))
        source = request.query.get("source")
        if source not in (None, "web"):
            raise Problem(400, 'source must be one of the following: "web"')
        rows = [
            prediction
            for prediction in self._store.newest_first()
            if (after is None or prediction.created_at >= after)
            and (before is None or prediction.created_at < before)
            and source is None  # no prediction here was made on the website
        ]
        url = f"{self._base_urls.api}/v1/predictions"
        return json_response(
            paginate(rows, time_of=lambda row: row.created_at, to_json=self._to_json, url=url, query=request.query)
        )

    async def _cancel(self, request: web.Request) -> web.Response:
        prediction = self._find_prediction(request)
        self._store.cancel(prediction)
        return json_response(self._to_json(prediction))

    def _find_prediction(self, request: web.Request) -> Prediction:
        prediction = self._store.get(request.match_info["id"])
        if prediction is None:
            raise not_found()
        return prediction

    def _to_json(self, prediction: Prediction) -> dict[str, Any]:
        return prediction.to_json(self._base_urls, now=self._clock.now())


async def _parse_json(request: web.Request) -> Any:
    try:
        return await request.json()
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise Problem(400, "JSON parse error", title="Bad request") from None


def _query_time(request: web.Request, name: str) -> datetime | None:
    text = request.query.get(name)
    try:
        # An unescaped + in a query is decoded as a space.
        return parse_time(text.replace(" ", "+")) if text else None
    except ValueError:
        raise Problem(400, f"{name} is not a valid ISO 8601 date-time") from None
