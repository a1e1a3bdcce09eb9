"""Resolve a model reference, as people write it, to its schema: ask Replicate, or use the cached schema."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from bot.backends.errors import BackendError, NotFound, ResponseTooLarge, Throttled, Unauthenticated
from bot.backends.replicate.client import Replicate
from bot.backends.replicate.models import Model
from bot.backends.replicate.types import ModelRef
from bot.backends.target import ServedModel, Target, parse_target
from bot.errors import ConfigError, Refused, UserError
from bot.formatting import format_size
from bot.language import _
from bot.limits import COMMAND_NAME_CHARS, MODEL_BYTES
from bot.store.commands import Commands


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedModel:
    """A pinned target, with the model's description and OpenAPI schema."""

    target: Target
    description: str
    schema: Mapping[str, Any]


class SchemaSource(Protocol):
    """Where the schema of a served model comes from."""

    async def get_schema(self) -> Mapping[str, Any]:
        """Return the OpenAPI document. Raise a BackendError."""


class UnknownModel(UserError, ConfigError):
    """The model does not exist, this account cannot access it, or it cannot be a command."""


class ReplicateUnavailable(UserError):
    """Replicate did not answer, or refused to; the sentence says what to do."""


class ModelResolver:
    """Resolves a target as people write it into a pinned one with its schema.

    A version never changes, so the schemas of the bot's commands are cached in the database: a bot whose models are all
    pinned starts without Replicate. Those of other models are not; everybody may ask for any number of them. ``served``
    are the configured models on servers of one's own, asked at every start: what a server runs may change.
    """

    def __init__(
        self, replicate: Replicate, cache: Commands, *, served: Mapping[ServedModel, SchemaSource] | None = None
    ) -> None:
        self._replicate = replicate
        self._cache = cache
        self._served = dict(served or {})

    async def resolve(self, target: Target) -> ResolvedModel:
        """Return the pinned target with its schema. Raise UnknownModel or a BackendError."""
        if isinstance(target, ServedModel):
            return await self._resolve_served(target)
        cached = await self.get_cached(target) if target.version is not None else None
        if cached is not None:
            return cached
        try:
            resolved = await (self._resolve_deployment(target) if target.deployment else self._resolve_model(target))
        except NotFound as error:
            raise _not_found(target) from error
        except ResponseTooLarge as error:
            sentence = _("{target} describes itself in more than {size}, which is too much to read.").format(
                target=target, size=format_size(MODEL_BYTES)
            )
            raise UnknownModel(sentence) from error
        return resolved

    async def cache(self, target: Target, resolved: ResolvedModel) -> None:
        """Store what the target of a command was resolved to, if it is not stored yet."""
        payload = {
            "target": str(resolved.target),
            "description": resolved.description,
            "schema": dict(resolved.schema),
        }
        for name in {str(target), str(resolved.target)}:
            if await self._cache.get_schema(name) != payload:
                await self._cache.cache_schema(name, payload)

    async def forget_others(self, targets: Iterable[Target]) -> None:
        """Delete every cached schema but those of these targets."""
        await self._cache.keep_schemas(frozenset(map(str, targets)))

    async def get_cached(self, target: Target) -> ResolvedModel | None:
        """Return the last result for a target, or None; without a version it may be outdated."""
        payload = await self._cache.get_schema(str(target))
        if payload is None:
            return None
        pinned = parse_target(payload.get("target", str(target)))
        return ResolvedModel(target=pinned, description=payload["description"], schema=payload["schema"])

    async def get_model(self, target: ModelRef) -> Model:
        """Return the target's model as it is on Replicate now. Raise UnknownModel or a BackendError."""
        try:
            if not target.deployment:
                return await self._replicate.models.get(target.model)
            deployment = await self._replicate.deployments.get(target.model)
            return await self._replicate.models.get(deployment.model)
        except NotFound as error:
            raise _not_found(target) from error

    async def _resolve_served(self, target: ServedModel) -> ResolvedModel:
        source = self._served.get(target)
        if source is None:
            raise UnknownModel(_("The server of this model is no longer configured."))
        return _resolved(target, target, "", await source.get_schema())

    async def _resolve_deployment(self, target: ModelRef) -> ResolvedModel:
        deployment = await self._replicate.deployments.get(target.model)
        version = await self._replicate.models.get_version(deployment.model, deployment.version)
        return _resolved(target, target, "", version.schema)

    async def _resolve_model(self, target: ModelRef) -> ResolvedModel:
        model = await self._replicate.models.get(target.model)
        if target.version is not None:
            version = await self._replicate.models.get_version(target.model, target.version)
            return _resolved(target, target, model.description, version.schema)
        latest = model.latest_version
        if latest is None:
            raise UnknownModel(_("{target} has no version that can be run.").format(target=target))
        # Replicate runs only official models without a version; any other is pinned to today's latest.
        pinned = target if model.official else replace(target, version=latest.id)
        return _resolved(target, pinned, model.description, latest.schema)


@contextmanager
def as_user_errors() -> Iterator[None]:
    """Raise ReplicateUnavailable instead of Replicate's own errors."""
    try:
        yield
    except Unauthenticated as error:
        raise ReplicateUnavailable(_("Replicate rejected this bot's token. Ask the bot's owner to fix it.")) from error
    except Throttled as error:
        raise ReplicateUnavailable(_("Replicate is busy. Try again in a minute.")) from error
    except BackendError as error:
        raise ReplicateUnavailable(_("Replicate isn't responding right now. Try again in a minute.")) from error


def _resolved(
    target: Target, pinned: Target, description: str | None, schema: Mapping[str, Any] | None
) -> ResolvedModel:
    if not schema:
        raise UnknownModel(
            _("{target} doesn't describe its inputs, so it can't become a command.").format(target=target)
        )
    return ResolvedModel(target=pinned, description=description or "", schema=schema)


def _not_found(target: ModelRef) -> UnknownModel:
    return UnknownModel(
        _("Couldn't find {target} on Replicate, or this bot's account can't access it.").format(target=target)
    )


_MAX_CHARS: Final = 300
_URL: Final = re.compile(r"(?:https?://)?(?:www\.)?replicate\.com/(?P<path>[^?#]+)(?:[?#].*)?", re.IGNORECASE)
_VERSION_PATH: Final = re.compile(r"(?P<model>[^/]+/[^/]+)/versions/(?P<version>[0-9a-f]{64})(?:/.*)?")
_MODEL_PATH: Final = re.compile(r"(?P<model>(?:deployments/)?[^/]+/[^/]+)(?:/.*)?")
_NOT_IN_NAMES: Final = re.compile(r"[^a-z0-9]+")


def parse_command_name(text: str) -> str:
    """Return the name of a command as a person entered it: "/Generate" is "generate"."""
    return text.strip().removeprefix("/").lower()


def parse_model_name(text: str) -> ModelRef:
    """Parse ``owner/name``, with or without a version, a deployment, or a page's address. Raise Refused."""
    text = text.strip()[:_MAX_CHARS]
    url = _URL.fullmatch(text)
    try:
        return ModelRef.parse(_parse_path(url["path"].strip("/")) if url else text)
    except ValueError as error:
        raise Refused(str(error)) from error


def default_command_name(target: ModelRef) -> str:
    """Return the name of a model's command if nobody chooses one: “flux-1-1-pro”."""
    ascii_name = unicodedata.normalize("NFKD", target.name.lower()).encode("ascii", "ignore").decode()
    return _NOT_IN_NAMES.sub("-", ascii_name)[:COMMAND_NAME_CHARS].strip("-") or "model"


def _parse_path(path: str) -> str:
    version = _VERSION_PATH.fullmatch(path)
    if version is not None:
        return f"{version['model']}:{version['version']}"
    model = _MODEL_PATH.fullmatch(path)
    return model["model"] if model is not None else path
