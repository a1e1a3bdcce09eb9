"""Models, versions and deployments, and their schemas."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

from pydantic import Field, ValidationError

from bot.backends.errors import InvalidResponse, NotFound, ResponseTooLarge
from bot.backends.replicate.api import ApiClient, ApiRequest, decode_object, resource_path
from bot.backends.replicate.types import ApiModel, Name, NonNegativeInt, OptionalText, UncheckedObject, Url
from bot.limits import MODEL_BYTES
from bot.worker_pool import WorkerPool, WorkTooHeavy

_SEARCH_RESULTS_MAX: Final = 50
_DESCRIPTION_CHARS: Final = 500  # more than any card shows
_SEARCH_SECONDS: Final = 5.0
_SHARED_WORK: Final = 0  # a search is sent once for all who ask for it

VersionId = Annotated[str, Field(min_length=1, max_length=128)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A version of a model. ``schema`` is its whole OpenAPI document, None where Replicate has none."""

    id: str
    schema: Mapping[str, Any] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model. Only ``official`` models run without a version."""

    owner: str
    name: str
    description: str | None = None
    official: bool = False
    run_count: int = 0
    cover_url: str | None = None
    latest_version: Version | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """A deployment and what its current release runs; ``model`` is "owner/name"."""

    owner: str
    name: str
    model: str
    version: str


class _VersionJson(ApiModel):
    id: VersionId
    openapi_schema: UncheckedObject = None


class _ModelJson(ApiModel):
    owner: Name
    name: Name
    description: OptionalText = None
    is_official: Any = False
    run_count: NonNegativeInt = 0
    cover_image_url: Url = None
    latest_version: UncheckedObject = None


class _ReleaseJson(ApiModel):
    model: str
    version: str


class _DeploymentJson(ApiModel):
    owner: Name
    name: Name
    current_release: _ReleaseJson


class Models:
    """The models that the account has access to; ``model`` is always "owner/name"."""

    def __init__(self, api: ApiClient, workers: WorkerPool | None = None) -> None:
        self._api = api
        self._workers = workers

    async def get(self, model: str) -> Model:
        """Return a model with its latest version."""
        return _parse_model(await self._get("models.get", *_model_path(model)))

    async def get_version(self, model: str, id: str) -> Version:  # noqa: A002 - Replicate's own word for it
        """Return one version of a model."""
        return _parse_version(await self._get("models.versions.get", *_model_path(model), "versions", id))

    async def search(self, query: str, *, limit: int = 20) -> tuple[Model, ...]:
        """Return the models that match the query, best first, at most 50, without their versions.

        Replicate sends each with its whole schema. A response of megabytes is read in a process of the worker pool.
        """
        limit = min(max(limit, 1), _SEARCH_RESULTS_MAX)
        body = await self._search(query, limit)
        if len(body) <= MODEL_BYTES or self._workers is None:
            return parse_search(body, limit)
        try:
            return await self._workers.run(parse_search, body, limit, owner=_SHARED_WORK, seconds=_SEARCH_SECONDS)
        except WorkTooHeavy as error:
            raise InvalidResponse("Replicate's search found more than can be read.") from error

    async def _get(self, operation: str, *path: str) -> Mapping[str, Any]:
        request = ApiRequest(operation=operation, method="GET", path=resource_path(*path))
        body = await self._api.request_content(request)
        if len(body) > MODEL_BYTES:
            raise ResponseTooLarge(f"Replicate's response about {path[1]}/{path[2]} has {len(body)} bytes.")
        # Not in a worker: what is nested deeply does not travel. At worst, so many bytes are parsed in 60 ms.
        return decode_object(body)

    async def _search(self, query: str, limit: int) -> bytes:
        request = ApiRequest(
            operation="models.search",
            method="GET",
            path=resource_path("search"),
            params={"query": query, "limit": str(limit)},
        )
        try:
            return await self._api.request_content(request)
        except NotFound:  # the newer search is still in beta; the older one is an HTTP method of its own
            request = ApiRequest(
                operation="models.search",
                method="QUERY",
                path=resource_path("models"),
                body=query.encode("utf-8", "replace"),
                content_type="text/plain",
            )
            return await self._api.request_content(request)


class Deployments:
    """The deployments of the account."""

    def __init__(self, api: ApiClient) -> None:
        self._api = api

    async def get(self, deployment: str) -> Deployment:
        """Return the deployment "owner/name"; raise InvalidResponse if it has no release."""
        owner, _, name = deployment.partition("/")
        path = resource_path("deployments", owner, name)
        request = ApiRequest(operation="deployments.get", method="GET", path=path)
        try:
            parsed = _DeploymentJson.model_validate(await self._api.request_object(request))
        except ValidationError as error:
            raise InvalidResponse(f"The deployment {deployment} has no release that can be run.") from error
        release = parsed.current_release
        return Deployment(owner=parsed.owner, name=parsed.name, model=release.model, version=release.version)


def parse_search(body: bytes, limit: int) -> tuple[Model, ...]:
    """Return the models in a response of either search, without their versions; raise InvalidResponse."""
    response = decode_object(body)
    entries = response.get("models")
    results = response.get("results")
    if isinstance(entries, list):
        results = [entry.get("model") for entry in entries if isinstance(entry, dict)]
    models = []
    for item in results if isinstance(results, list) else []:
        with suppress(InvalidResponse):
            models.append(_parse_model({**item, "latest_version": None} if isinstance(item, dict) else item))
    return tuple(models[:limit])


def _parse_model(data: Any) -> Model:
    try:
        parsed = _ModelJson.model_validate(data)
    except (ValidationError, RecursionError) as error:
        raise InvalidResponse("Replicate sent a model that cannot be parsed.") from error
    latest_version = None
    with suppress(InvalidResponse):
        latest_version = _parse_version(parsed.latest_version) if parsed.latest_version else None
    return Model(
        owner=parsed.owner,
        name=parsed.name,
        description=parsed.description and parsed.description[:_DESCRIPTION_CHARS],
        official=parsed.is_official is True,
        run_count=parsed.run_count,
        cover_url=parsed.cover_image_url,
        latest_version=latest_version,
    )


def _parse_version(data: Any) -> Version:
    try:
        parsed = _VersionJson.model_validate(data)
    except (ValidationError, RecursionError) as error:
        raise InvalidResponse("Replicate sent a version that cannot be parsed.") from error
    return Version(id=parsed.id, schema=parsed.openapi_schema)


def _model_path(model: str) -> tuple[str, str, str]:
    owner, _, name = model.partition("/")
    return "models", owner, name
