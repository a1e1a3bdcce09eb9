"""Predictions: make, look at, list and cancel."""

import json
import math
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from bot.limits import CANCEL_AFTER_MIN, WAIT_MAX
from bot.replicate.api import Api, Ask
from bot.replicate.errors import BadAnswer
from bot.replicate.prediction import Prediction, parse
from bot.replicate.target import Target
from bot.replicate.wire import clean, decode

# Giving up on a create leaves it open whether money was spent, so it waits longer than any other request.
CREATE_READ: Final = 60.0
_WAIT_SLACK: Final = 10.0


class Predictions:
    """An account's predictions."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def create(
        self,
        target: Target,
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
        ask = Ask(
            operation="predictions.create",
            method="POST",
            url=self._api.url(*path),
            body=json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode(),
            headers=_preferences(wait, cancel_after),
            read=CREATE_READ if wait is None else max(CREATE_READ, wait + _WAIT_SLACK),
            tells_rate=True,
        )
        return parse(decode((await self._api.once(ask)).content))

    async def get(self, id: str) -> Prediction:  # noqa: A002 - Replicate's own word for it
        """Return it as it is now; this is the truth, whatever a stream or a webhook said."""
        url = self._api.url("predictions", id)
        return parse(await self._api.read(Ask(operation="predictions.get", method="GET", url=url)))

    async def list(
        self, *, created_after: datetime | None = None, created_before: datetime | None = None
    ) -> AsyncIterator[Prediction]:
        """Yield the account's predictions, newest first; entries that cannot be read are left out."""
        bounds = {"created_after": created_after, "created_before": created_before}
        params = {name: _stamp(moment) for name, moment in bounds.items() if moment is not None}
        async for item in self._api.items("predictions.list", self._api.url("predictions"), params or None):
            with suppress(BadAnswer):
                yield parse(item)

    async def cancel(self, id: str) -> Prediction:  # noqa: A002 - Replicate's own word for it
        """Ask for its end and return it as it is then: maybe still running, maybe over for another reason."""
        url = self._api.url("predictions", id, "cancel")
        return parse(await self._api.read(Ask(operation="predictions.cancel", method="POST", url=url)))


def _address(target: Target) -> tuple[tuple[str, ...], dict[str, Any]]:
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
