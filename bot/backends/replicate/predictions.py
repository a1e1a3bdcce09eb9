"""Predictions: create, get, list and cancel."""

import json
import math
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from pydantic import Field, ValidationError

from bot.backends.replicate.api import ApiClient, ApiRequest, decode_object
from bot.backends.replicate.errors import InvalidResponse
from bot.backends.replicate.types import (
    Anything,
    ApiModel,
    Id,
    JsonObject,
    LenientStr,
    LenientText,
    ModelRef,
    OptionalText,
    OptionalTimestamp,
    Timestamp,
    Url,
    clean,
)
from bot.limits import CANCEL_AFTER_MIN, WAIT_MAX


class Status(StrEnum):
    """Where a prediction is in its life. ``OTHER`` stands for any word that Replicate adds later."""

    STARTING = "starting"
    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    ABORTED = "aborted"
    OTHER = "other"

    @property
    def terminal(self) -> bool:
        """Whether it can never change again."""
        return self in (Status.SUCCEEDED, Status.FAILED, Status.CANCELED, Status.ABORTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """A prediction at one moment.

    ``version`` is 64 hex digits, "hidden" or another word for official models. ``error`` is None or text, whatever
    JSON it was. ``stream_url`` is a capability: it needs no token and reaches no log. Times are aware.
    """

    id: str
    model: str
    version: str
    status: Status
    created_at: datetime
    input: Mapping[str, Any] = field(default_factory=dict)
    output: Any = None
    error: str | None = None
    logs: str = ""
    data_removed: bool = False
    started_at: datetime | None = None
    completed_at: datetime | None = None
    metrics: Mapping[str, Any] = field(default_factory=dict)
    deployment: str | None = None
    webhook: str | None = None
    web_url: str | None = None
    stream_url: str | None = field(default=None, repr=False)


class _Urls(ApiModel):
    web: Url = None
    stream: Url = None


class _Prediction(ApiModel):
    id: Id
    status: str
    created_at: Timestamp
    model: LenientStr = ""
    version: LenientStr = ""
    input: JsonObject = Field(default_factory=dict)
    output: Anything = None
    error: OptionalText = None
    logs: LenientText = ""
    data_removed: Any = False
    started_at: OptionalTimestamp = None
    completed_at: OptionalTimestamp = None
    metrics: JsonObject = Field(default_factory=dict)
    deployment: OptionalText = None
    webhook: Url = None
    urls: JsonObject = Field(default_factory=dict)


def parse_prediction(data: Mapping[str, Any]) -> Prediction:
    """Return the prediction that a JSON object describes, from an answer or a webhook; BadAnswer when it is none.

    Only ``id``, ``status`` and ``created_at`` have to be there.
    """
    try:
        wire = _Prediction.model_validate(data)
        urls = _Urls.model_validate(wire.urls)
    except (ValidationError, RecursionError) as error:
        raise InvalidResponse(f"Replicate sent a prediction that cannot be read: {_where(error)}.") from error
    return Prediction(
        id=wire.id,
        model=wire.model,
        version=wire.version,
        status=_STATUSES.get(wire.status, Status.OTHER),
        created_at=wire.created_at,
        input=wire.input,
        output=wire.output,
        error=wire.error,
        logs=wire.logs,
        data_removed=wire.data_removed is True,
        started_at=wire.started_at,
        completed_at=wire.completed_at,
        metrics=wire.metrics,
        deployment=wire.deployment,
        webhook=wire.webhook,
        web_url=urls.web,
        stream_url=urls.stream,
    )


_STATUSES = {status.value: status for status in Status}


def _where(error: ValidationError | RecursionError) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return ", ".join(".".join(str(part) for part in problem["loc"]) for problem in error.errors(include_input=False))


# Giving up on a create leaves it open whether money was spent, so it waits longer than any other request.
CREATE_READ: Final = 60.0
_WAIT_SLACK: Final = 10.0


class Predictions:
    """An account's predictions."""

    def __init__(self, api: ApiClient) -> None:
        self._api = api

    async def create(
        self,
        target: ModelRef,
        input: Mapping[str, Any],  # noqa: A002 - Replicate's own word for it
        *,
        webhook: str | None = None,
        webhook_events: Sequence[str] = (),
        cancel_after: timedelta | None = None,
        wait: int | None = None,
    ) -> Prediction:
        """Make a prediction, sending the request exactly once: Replicate knows no idempotency key.

        After NotSent and any ApiError none exists. After NoAnswer one may, and after BadAnswer one does.
        ``wait`` seconds, up to 60, Replicate holds the answer back for the output; ``cancel_after`` is its own
        dead man's switch.
        """
        path, body = _address(target)
        body["input"] = clean(input)
        if webhook is not None:
            body["webhook"] = webhook
            if webhook_events:
                body["webhook_events_filter"] = list(webhook_events)
        ask = ApiRequest(
            operation="predictions.create",
            method="POST",
            url=self._api.url(*path),
            body=json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode(),
            headers=_preferences(wait, cancel_after),
            read=CREATE_READ if wait is None else max(CREATE_READ, wait + _WAIT_SLACK),
            tells_rate=True,
        )
        return parse_prediction(decode_object((await self._api.once(ask)).content))

    async def get(self, id: str) -> Prediction:  # noqa: A002 - Replicate's own word for it
        """Return it as it is now; this is the truth, whatever a stream or a webhook said."""
        url = self._api.url("predictions", id)
        return parse_prediction(await self._api.read(ApiRequest(operation="predictions.get", method="GET", url=url)))

    async def list(
        self, *, created_after: datetime | None = None, created_before: datetime | None = None
    ) -> AsyncIterator[Prediction]:
        """Yield the account's predictions, newest first; entries that cannot be read are left out."""
        bounds = {"created_after": created_after, "created_before": created_before}
        params = {name: _stamp(moment) for name, moment in bounds.items() if moment is not None}
        async for item in self._api.items("predictions.list", self._api.url("predictions"), params or None):
            with suppress(InvalidResponse):
                yield parse_prediction(item)

    async def cancel(self, id: str) -> Prediction:  # noqa: A002 - Replicate's own word for it
        """Ask for its end and return it as it is then: maybe still running, maybe over for another reason."""
        url = self._api.url("predictions", id, "cancel")
        return parse_prediction(
            await self._api.read(ApiRequest(operation="predictions.cancel", method="POST", url=url))
        )


def _address(target: ModelRef) -> tuple[tuple[str, ...], dict[str, Any]]:
    if target.deployment:
        return ("deployments", target.owner, target.name, "predictions"), {}
    if target.version is None:
        return ("models", target.owner, target.name, "predictions"), {}
    return ("predictions",), {"version": target.version}


def _preferences(wait: int | None, cancel_after: timedelta | None) -> dict[str, str]:
    headers = {}
    if wait is not None:
        longest = int(WAIT_MAX.total_seconds())
        headers["Prefer"] = f"wait={min(max(wait, 1), longest)}"
    if cancel_after is not None:
        headers["Cancel-After"] = f"{math.ceil(max(cancel_after, CANCEL_AFTER_MIN).total_seconds())}s"
    return headers


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
