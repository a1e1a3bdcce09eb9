"""Predictions: create, get, list and cancel."""

import json
import math
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from pydantic import Field, ValidationError

from bot.backends.errors import InvalidInput, InvalidResponse
from bot.backends.prediction import Prediction, Status
from bot.backends.replicate.api import ApiClient, ApiRequest, resource_path
from bot.backends.replicate.types import (
    ApiModel,
    Id,
    JsonObject,
    JsonValue,
    LenientStr,
    LenientText,
    ModelRef,
    OptionalText,
    OptionalTimestamp,
    Timestamp,
    Url,
    clean,
)
from bot.limits import CANCEL_AFTER_MIN

# What a model, or whoever created the prediction, puts there: any JSON, of any size.
_LARGE: Final = ("output", "input", "logs", "error", "metrics")

# A create without a response leaves it open whether money was spent, so it gets more time than any other request.
_CREATE_READ_TIMEOUT: Final = 60.0


_STATUSES: Final = {status.value: status for status in Status}


class _Urls(ApiModel):
    stream: Url = None


class _PredictionJson(ApiModel):
    id: Id
    status: str
    created_at: Timestamp
    model: LenientStr = ""
    version: LenientStr = ""
    input: JsonObject = Field(default_factory=dict)
    output: JsonValue = None
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
    """Return the prediction in a JSON object of a response or a webhook; raise InvalidResponse if it is none.

    Only ``id``, ``status`` and ``created_at`` are required.
    """
    try:
        parsed = _PredictionJson.model_validate(data)
        urls = _Urls.model_validate(parsed.urls)
    except (ValidationError, RecursionError) as error:
        raise InvalidResponse(f"Replicate sent a prediction that cannot be parsed: {_reason(error)}.") from error
    return Prediction(
        id=parsed.id,
        model=parsed.model,
        version=parsed.version,
        status=_STATUSES.get(parsed.status, Status.OTHER),
        created_at=parsed.created_at,
        input=parsed.input,
        output=parsed.output,
        error=parsed.error,
        logs=parsed.logs,
        data_removed=parsed.data_removed is True,
        started_at=parsed.started_at,
        completed_at=parsed.completed_at,
        metrics=parsed.metrics,
        deployment=parsed.deployment,
        webhook=parsed.webhook,
        stream_url=urls.stream,
    )


class Predictions:
    """The predictions of an account."""

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
    ) -> Prediction:
        """Create a prediction. The request is sent exactly once, because Replicate has no idempotency key.

        After NotSent and any ApiError no prediction exists (InvalidInput also for an input that JSON cannot express).
        After NoResponse one may exist, after InvalidResponse one does. Replicate cancels the prediction by itself after
        ``cancel_after``.
        """
        path, body = _endpoint(target)
        body["input"] = clean(input)
        if webhook is not None:
            body["webhook"] = webhook
            if webhook_events:
                body["webhook_events_filter"] = list(webhook_events)
        request = ApiRequest(
            operation="predictions.create",
            method="POST",
            path=resource_path(*path),
            body=_encode(body),
            headers=_cancel_after_header(cancel_after),
            read_timeout=_CREATE_READ_TIMEOUT,
            has_create_allowance=True,
            large=_LARGE,
        )
        response = await self._api.send(request)
        try:
            return parse_prediction(await self._api.read_object(response.content, request))
        except InvalidResponse:
            raise
        except Exception as error:  # whatever it is, the request was carried out
            raise InvalidResponse("Replicate sent a prediction that cannot be read.") from error

    async def get(self, id: str) -> Prediction:  # noqa: A002 - Replicate's own word for it
        """Return the current prediction. It is authoritative over streams and webhooks."""
        path = resource_path("predictions", id)
        request = ApiRequest(operation="predictions.get", method="GET", path=path, large=_LARGE)
        return parse_prediction(await self._api.request_object(request))

    async def list(
        self, *, created_after: datetime | None = None, created_before: datetime | None = None
    ) -> AsyncIterator[Prediction]:
        """Yield the account's predictions, newest first; entries that cannot be parsed are skipped."""
        bounds = {"created_after": created_after, "created_before": created_before}
        params = {name: _format_time(time) for name, time in bounds.items() if time is not None}
        path = resource_path("predictions")
        async for item in self._api.list_items("predictions.list", path, params or None, large=_LARGE):
            with suppress(InvalidResponse):
                yield parse_prediction(item)

    async def cancel(self, id: str) -> Prediction:  # noqa: A002 - Replicate's own word for it
        """Request cancellation. The returned prediction may still be running, or may have ended for another reason."""
        path = resource_path("predictions", id, "cancel")
        request = ApiRequest(operation="predictions.cancel", method="POST", path=path, large=_LARGE)
        return parse_prediction(await self._api.request_object(request))


def _encode(body: Mapping[str, Any]) -> bytes:
    try:
        return json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    except (ValueError, RecursionError) as error:
        raise InvalidInput(status=422, title="", detail="It holds a number that cannot be sent.") from error


def _reason(error: ValidationError | RecursionError) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return ", ".join(".".join(str(part) for part in problem["loc"]) for problem in error.errors(include_input=False))


def _endpoint(target: ModelRef) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Return the path and the beginning of the body of a create request."""
    if target.deployment:
        return ("deployments", target.owner, target.name, "predictions"), {}
    if target.version is None:
        return ("models", target.owner, target.name, "predictions"), {}
    return ("predictions",), {"version": target.version}


def _cancel_after_header(cancel_after: timedelta | None) -> dict[str, str]:
    if cancel_after is None:
        return {}
    return {"Cancel-After": f"{math.ceil(max(cancel_after, CANCEL_AFTER_MIN).total_seconds())}s"}


def _format_time(time: datetime) -> str:
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")
