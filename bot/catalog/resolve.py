"""Resolve a model reference to its schema: ask Replicate, or use the cached schema of an immutable version."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from bot.backends.replicate.client import Replicate
from bot.backends.replicate.errors import NotFound, ReplicateError, Throttled, Unauthenticated
from bot.backends.replicate.models import Model
from bot.backends.replicate.types import ModelRef
from bot.errors import ConfigError, UserError
from bot.store.commands import Commands


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedModel:
    """A pinned target with the schema and the words that belong to it."""

    target: ModelRef
    description: str
    schema: Mapping[str, Any]


class UnknownModel(UserError, ConfigError):
    """Replicate knows no such model, or this account may not see it."""


class ModelResolver:
    """Turns a target as people write it into a pinned one with its schema.

    A version never changes, so its schema is asked for once and remembered on disk: a bot whose models are all
    pinned starts without Replicate.
    """

    def __init__(self, replicate: Replicate, remembered: Commands) -> None:
        self._replicate = replicate
        self._remembered = remembered

    async def resolve(self, target: ModelRef) -> ResolvedModel:
        """Return the target, pinned, with its schema. UnknownModel, or a ReplicateError when it cannot be asked."""
        known = await self.remembered(target) if target.version is not None else None
        if known is not None:
            return known
        try:
            resolved = await (self._deployment(target) if target.deployment else self._model(target))
        except NotFound as error:
            raise _unknown(target) from error
        payload = {
            "target": str(resolved.target),
            "description": resolved.description,
            "schema": dict(resolved.schema),
        }
        for name in {str(target), str(resolved.target)}:
            await self._remembered.cache_schema(name, payload)
        return resolved

    async def remembered(self, target: ModelRef) -> ResolvedModel | None:
        """Return what a target was when it was last asked for; of one without a version that may be outdated."""
        payload = await self._remembered.get_schema(str(target))
        if payload is None:
            return None
        pinned = ModelRef.parse(payload.get("target", str(target)))
        return ResolvedModel(target=pinned, description=payload["description"], schema=payload["schema"])

    async def page(self, target: ModelRef) -> Model:
        """Return the page of a target's model as it is now. UnknownModel, or a ReplicateError."""
        try:
            if not target.deployment:
                return await self._replicate.models.get(target.model)
            release = await self._replicate.deployments.get(target.model)
            return await self._replicate.models.get(release.model)
        except NotFound as error:
            raise _unknown(target) from error

    async def _deployment(self, target: ModelRef) -> ResolvedModel:
        release = await self._replicate.deployments.get(target.model)
        version = await self._replicate.models.version(release.model, release.version)
        return _resolved(target, target, "", version.schema)

    async def _model(self, target: ModelRef) -> ResolvedModel:
        model = await self._replicate.models.get(target.model)
        if target.version is not None:
            version = await self._replicate.models.version(target.model, target.version)
            return _resolved(target, target, model.description, version.schema)
        latest = model.latest
        if latest is None:
            raise UnknownModel(f"{target} has no version that can be run.")
        # Only official models run without a version; of any other, today's is kept.
        pinned = target if model.official else replace(target, version=latest.id)
        return _resolved(target, pinned, model.description, latest.schema)


def _resolved(
    asked: ModelRef, pinned: ModelRef, description: str | None, schema: Mapping[str, Any] | None
) -> ResolvedModel:
    if not schema:
        raise UnknownModel(f"{asked} does not say what inputs it takes, so it cannot become a command.")
    return ResolvedModel(target=pinned, description=description or "", schema=schema)


def _unknown(target: ModelRef) -> UnknownModel:
    return UnknownModel(
        f"Replicate knows no {target}, or its token may not see it. Check the spelling on replicate.com."
    )


class ReplicateUnavailable(UserError):
    """Replicate could not be asked, or did not want to answer; the sentence says what to do."""


@contextmanager
def as_user_errors() -> Iterator[None]:
    """Raise NotNow in the place of Replicate's own errors."""
    try:
        yield
    except Unauthenticated as error:
        raise ReplicateUnavailable(
            "Replicate does not take this bot's token. Whoever runs the bot can mend that."
        ) from error
    except Throttled as error:
        raise ReplicateUnavailable("Replicate asks for a pause. Try again in a minute.") from error
    except ReplicateError as error:
        raise ReplicateUnavailable("Replicate does not answer right now. Try again in a minute.") from error
