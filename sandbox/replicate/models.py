"""The routes of models: get, list, search, versions, readme, examples."""

from typing import Any

from aiohttp import web

from sandbox.replicate.answers import Problem, not_found, ok
from sandbox.replicate.catalogue import Catalogue, Model, Version
from sandbox.replicate.origins import Origins
from sandbox.replicate.paging import page
from sandbox.replicate.stamps import read

SEARCH_LIMIT = 50
_SEARCH_DEFAULT = 20
_SORTS = {"latest_version_created_at", "model_created_at"}


class ModelRoutes:
    """Answers for models out of the catalogue."""

    def __init__(self, *, catalogue: Catalogue, origins: Origins) -> None:
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
        if request.query.get("sort_by", "latest_version_created_at") not in _SORTS:
            raise Problem(400, "sort_by must be one of: model_created_at, latest_version_created_at")
        models = list(self._catalogue.models())
        if request.query.get("sort_direction", "desc") == "asc":
            models.reverse()
        return ok(self._paged(models, request))

    async def _query(self, request: web.Request) -> web.Response:
        found = list(self._catalogue.search(await request.text()))
        return ok({"next": None, "previous": None, "results": [model.as_json() for model in found]})

    async def _search(self, request: web.Request) -> web.Response:
        query = request.query.get("query", "")
        limit = request.query.get("limit", str(_SEARCH_DEFAULT))
        if not query:
            raise Problem(400, 'Query parameter "query" is required')
        if not limit.isdigit() or not 1 <= int(limit) <= SEARCH_LIMIT:
            raise Problem(400, 'Query parameter "limit" must be between 1 and 50')
        found = self._catalogue.search(query)[: int(limit)]
        models = [{"model": model.as_json(), "metadata": _metadata(model)} for model in found]
        return ok({"query": query, "models": models, "collections": [], "pages": []})

    async def _get(self, request: web.Request) -> web.Response:
        return ok(self._model(request).as_json())

    async def _versions(self, request: web.Request) -> web.Response:
        versions = self._model(request).versions
        return ok({"next": None, "previous": None, "results": [version.as_json() for version in versions]})

    async def _version(self, request: web.Request) -> web.Response:
        return ok(_version(self._model(request), request.match_info["id"]).as_json())

    async def _readme(self, request: web.Request) -> web.Response:
        readme = self._model(request).readme
        if readme is None:
            raise not_found()
        return web.Response(text=readme, content_type="text/plain")

    async def _examples(self, request: web.Request) -> web.Response:
        return ok({"next": None, "previous": None, "results": list(self._model(request).examples)})

    def _model(self, request: web.Request) -> Model:
        model = self._catalogue.model("{owner}/{name}".format(**request.match_info))
        if model is None:
            raise not_found()
        return model

    def _paged(self, models: list[Model], request: web.Request) -> dict[str, Any]:
        return page(
            models,
            when=lambda model: read(model.versions[0].created_at),
            show=Model.as_json,
            url=f"{self._origins.api}/v1/models",
            query=request.query,
        )


def _version(model: Model, id_: str) -> Version:
    found = next((version for version in model.versions if version.id == id_), None)
    if found is None:
        raise not_found()
    return found


def _metadata(model: Model) -> dict[str, Any]:
    return {"generated_description": model.description, "tags": [], "score": 1.0}
