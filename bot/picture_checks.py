"""Ask the command that a server has chosen whether a picture may be shown.

A check is paid for, so it is sent once: its row is written before the request, and a picture whose check was perhaps
sent is never sent again. Whatever cannot be found out is UNKNOWN, and such a picture is not shown.
"""

import asyncio
import base64
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import structlog

from bot.backends.backend import Backend, Backends, CreateRequest
from bot.backends.errors import ApiError, BackendError, NotSent
from bot.backends.prediction import Prediction, Status
from bot.backends.target import ServedModel
from bot.catalog.catalog import Catalog, Command
from bot.clock import Clock
from bot.errors import ReplicordError
from bot.limits import DATA_URI_BYTES, PICTURE_CHECK_SECONDS
from bot.media.types import Media
from bot.money.budgets import Spender
from bot.options.parse import parse_options
from bot.outputs.items import FileItem
from bot.outputs.output_schema import contains_files
from bot.rules.verdict import Verdict, read_verdict
from bot.runs.pricing import Pricing
from bot.store.models import Run
from bot.store.picture_checks import PictureChecks

_POLL_EVERY: Final = 1.0  # seconds; a classifier takes about one
_FILE: Final = "file:0"

log = structlog.get_logger(__name__)


def can_check(command: Command) -> bool:
    """Return whether a command can look at pictures: it takes one, makes no files, and its end can be asked for."""
    takes_picture = command.layout.image_field is not None
    return takes_picture and not contains_files(command.output_schema) and not isinstance(command.target, ServedModel)


class PictureChecker:
    """Checks the pictures of all runs."""

    def __init__(
        self, *, catalog: Catalog, backends: Backends, checks: PictureChecks, pricing: Pricing, clock: Clock
    ) -> None:
        self._catalog = catalog
        self._backends = backends
        self._checks = checks
        self._pricing = pricing
        self._clock = clock

    async def check(self, run: Run, picture: FileItem) -> Verdict:
        """Return whether a picture of a run may be shown; raises nothing but what ends the task."""
        try:
            verdict = await self._check(run, picture)
        except (BackendError, ReplicordError, LookupError, OSError) as error:
            log.warning("picture_not_checked", run=run.id, picture=picture.name, error=str(error))
            verdict = Verdict.UNKNOWN
        log.info("picture_checked", run=run.id, picture=picture.name, verdict=verdict.value)
        return verdict

    async def _check(self, run: Run, picture: FileItem) -> Verdict:
        command = self._catalog.get(run.checker or "")
        if command is None or not can_check(command):
            return Verdict.UNKNOWN
        backend = self._backends.of(str(command.target))
        check = await self._checks.get(run.id, picture.name)
        if check is None:
            prediction = await self._send(run, picture, command, backend)
        elif check.verdict is not None or check.prediction_id is None:
            return check.verdict or Verdict.UNKNOWN  # it was perhaps sent
        else:
            prediction = await backend.get(check.prediction_id)
        prediction = await self._wait(prediction, backend)
        is_answer = prediction.status is Status.SUCCEEDED
        verdict = read_verdict(prediction.output) if is_answer else Verdict.UNKNOWN
        await self._checks.save_verdict(
            run.id,
            picture.name,
            verdict,
            spender=Spender(guild_id=run.place.guild_id, author_id=run.author_id, command=command.name),
            at=self._clock.now(),
            cost=self._pricing.find_prediction_cost(command.name, str(command.target), prediction),
        )
        return verdict

    async def _send(self, run: Run, picture: FileItem, command: Command, backend: Backend) -> Prediction:
        """Create the prediction of a check, once."""
        run_input = await self._build_input(picture, command, backend)
        await self._checks.begin(run.id, picture.name, at=self._clock.now())
        request = CreateRequest(
            run_id=f"{run.id}-check",
            target=str(command.target),
            input=run_input,
            webhook=None,
            cancel_after=timedelta(seconds=PICTURE_CHECK_SECONDS),
        )
        try:
            prediction = await backend.create(request)
        except (NotSent, ApiError):
            await self._checks.forget(run.id, picture.name)  # nothing was accepted, so a restart may try again
            raise
        await self._checks.save_prediction(run.id, picture.name, prediction.id)
        return prediction

    async def _build_input(self, picture: FileItem, command: Command, backend: Backend) -> dict[str, Any]:
        source = picture.source
        data = await asyncio.to_thread(source.read_bytes) if isinstance(source, Path) else source
        media = Media(picture.name, picture.type, data)
        name = command.layout.image_field or ""
        options = parse_options(command.layout, {name: media})
        if len(data) <= DATA_URI_BYTES:
            url = f"data:{picture.type.mime};base64,{base64.b64encode(data).decode('ascii')}"
        else:
            url = await backend.upload(name=picture.name, content_type=picture.type.mime, data=data)
        return {
            key: url if value == _FILE else [url] if value == [_FILE] else value for key, value in options.input.items()
        }

    async def _wait(self, prediction: Prediction, backend: Backend) -> Prediction:
        """Return the prediction at its end, or as it is when that takes too long."""
        give_up_at = self._clock.monotonic() + PICTURE_CHECK_SECONDS
        while not prediction.status.terminal and self._clock.monotonic() < give_up_at:
            await self._clock.sleep(_POLL_EVERY)
            prediction = await backend.get(prediction.id)
        return prediction
