"""Models, versions and deployments, and their schemas."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field, ValidationError

from bot.backends.replicate.api import ApiClient, ApiRequest
from bot.backends.replicate.errors import InvalidResponse, NotFound
from bot.backends.replicate.predictions import Prediction, parse_prediction
from bot.backends.replicate.types import (
    ApiModel,
    LenientStr,
    Name,
    NonNegativeInt,
    OptionalJsonObject,
    OptionalText,
    OptionalTimestamp,
    Url,
)

VersionId = Annotated[str, Field(min_length=1, max_length=128)]
SEARCH_MOST = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version of a model. ``schema`` is its whole OpenAPI document, None where Replicate has none."""

    id: str
    created_at: datetime | None = None
    schema: Mapping[str, Any] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model as its page shows it. Only ``official`` models run without naming a version."""

    owner: str
    name: str
    description: str | None = None
    visibility: str = ""
    official: bool = False
    run_count: int = 0
    cover_url: str | None = None
    default_example: Prediction | None = field(default=None, repr=False)
    latest: Version | None = field(default=None, repr=False)
    url: str | None = None


class _Version(ApiModel):
    id: VersionId
    created_at: OptionalTimestamp = None
    openapi_schema: OptionalJsonObject = None


class _Model(ApiModel):
    owner: Name
    name: Name
    description: OptionalText = None
    visibility: LenientStr = ""
    is_official: Any = False
    run_count: NonNegativeInt = 0
    cover_image_url: Url = None
    default_example: OptionalJsonObject = None
    latest_version: OptionalJsonObject = None
    url: Url = None


class Models:
    """The models that the account can see; ``model`` is always "owner/name"."""

    def __init__(self, api: ApiClient) -> None:
        self._api = api

    async def get(self, model: str) -> Model:
        """Return a model with its latest version."""
        return parse_model(await self._read("models.get", *_path(model)))

    async def version(self, model: str, id: str) -> Version:  # noqa: A002 - Replicate's own word for it
        """Return one version."""
        return parse_version(await self._read("models.versions.get", *_path(model), "versions", id))

    async def versions(self, model: str) -> AsyncIterator[Version]:
        """Yield a model's versions, newest first."""
        async for item in self._api.items("models.versions.list", self._api.url(*_path(model), "versions")):
            with suppress(InvalidResponse):
                yield parse_version(item)

    async def search(self, query: str, *, limit: int = 20) -> tuple[Model, ...]:
        """Return the models that fit some words, best first, at most 50."""
        limit = min(max(limit, 1), SEARCH_MOST)
        found = await self._found(query, limit)
        models = []
        for item in found:
            with suppress(InvalidResponse):
                models.append(parse_model(item))
        return tuple(models[:limit])

    async def list(self) -> AsyncIterator[Model]:
        """Yield the public models, newest first. There are very many: stop when you have enough."""
        async for item in self._api.items("models.list", self._api.url("models")):
            with suppress(InvalidResponse):
                yield parse_model(item)

    async def readme(self, model: str) -> str | None:
        """Return a model's README as Markdown, None where it has none."""
        ask = ApiRequest(
            operation="models.readme",
            method="GET",
            url=self._api.url(*_path(model), "readme"),
            headers={"Accept": "text/plain"},
        )
        try:
            response = await self._api.repeat(ask)
        except NotFound:
            return None
        return response.content.decode("utf-8", "replace")

    async def _read(self, operation: str, *path: str) -> Mapping[str, Any]:
        return await self._api.read(ApiRequest(operation=operation, method="GET", url=self._api.url(*path)))

    async def _found(self, query: str, limit: int) -> Sequence[Any]:
        ask = ApiRequest(
            operation="models.search",
            method="GET",
            url=self._api.url("search"),
            params={"query": query, "limit": str(limit)},
        )
        try:
            answer = await self._api.read(ask)
        except NotFound:  # the newer search is still called beta; the older one is a method of its own
            ask = ApiRequest(
                operation="models.search",
                method="QUERY",
                url=self._api.url("models"),
                body=query.encode("utf-8", "replace"),
                content_type="text/plain",
            )
            answer = await self._api.read(ask)
            found = answer.get("results")
        else:
            entries = answer.get("models")
            found = [entry.get("model") for entry in entries if isinstance(entry, dict)] if entries else []
        return found if isinstance(found, list) else []


def parse_model(data: Any) -> Model:
    """Return the model that a JSON object describes; BadAnswer when it is none."""
    try:
        wire = _Model.model_validate(data)
    except (ValidationError, RecursionError) as error:
        raise InvalidResponse("Replicate sent a model that cannot be read.") from error
    example, latest = None, None
    with suppress(InvalidResponse):
        example = parse_prediction(wire.default_example) if wire.default_example else None
    with suppress(InvalidResponse):
        latest = parse_version(wire.latest_version) if wire.latest_version else None
    return Model(
        owner=wire.owner,
        name=wire.name,
        description=wire.description,
        visibility=wire.visibility,
        official=wire.is_official is True,
        run_count=wire.run_count,
        cover_url=wire.cover_image_url,
        default_example=example,
        latest=latest,
        url=wire.url,
    )


def parse_version(data: Any) -> Version:
    """Return the version that a JSON object describes; BadAnswer when it is none."""
    try:
        wire = _Version.model_validate(data)
    except (ValidationError, RecursionError) as error:
        raise InvalidResponse("Replicate sent a version that cannot be read.") from error
    return Version(id=wire.id, created_at=wire.created_at, schema=wire.openapi_schema)


def _path(model: str) -> tuple[str, str, str]:
    owner, _, name = model.partition("/")
    return "models", owner, name


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """A deployment and what its current release runs: ``model`` is "owner/name"."""

    owner: str
    name: str
    model: str
    version: str


class _Release(ApiModel):
    model: str
    version: str


class _Deployment(ApiModel):
    owner: Name
    name: Name
    current_release: _Release


class Deployments:
    """The account's deployments."""

    def __init__(self, api: ApiClient) -> None:
        self._api = api

    async def get(self, deployment: str) -> Deployment:
        """Return the deployment "owner/name"; BadAnswer while it has no release."""
        owner, _, name = deployment.partition("/")
        ask = ApiRequest(operation="deployments.get", method="GET", url=self._api.url("deployments", owner, name))
        try:
            wire = _Deployment.model_validate(await self._api.read(ask))
        except ValidationError as error:
            raise InvalidResponse(f"The deployment {deployment} has no release that can be run.") from error
        release = wire.current_release
        return Deployment(owner=wire.owner, name=wire.name, model=release.model, version=release.version)
