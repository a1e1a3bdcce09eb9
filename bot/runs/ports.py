"""Ports: what the heart needs from its neighbours, and nothing more.

``bot.backends.replicate``, ``bot.store`` and ``bot.outputs`` have these; a test has small ones of its own.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from bot.backends.replicate.api import CreateAllowance
from bot.backends.replicate.files import RemoteFile
from bot.backends.replicate.predictions import Prediction
from bot.backends.replicate.stream import OnBatch
from bot.backends.replicate.types import ModelRef
from bot.outputs.items import OutputItem
from bot.outputs.parse import RawOutput
from bot.store.models import Run


class Predictions(Protocol):
    """Replicate's predictions; errors are those of ``bot.backends.replicate.errors``."""

    async def create(
        self,
        target: ModelRef,
        input: Mapping[str, Any],  # noqa: A002 - Replicate's own word for it
        *,
        webhook: str | None = None,
        webhook_events: Sequence[str] = (),
        cancel_after: timedelta | None = None,
    ) -> Prediction:
        """Make a prediction; never repeated inside."""
        ...

    async def get(self, id: str) -> Prediction:  # noqa: A002 - Replicate's own word for it
        """Return it as it is now."""
        ...

    def list(
        self, *, created_after: datetime | None = None, created_before: datetime | None = None
    ) -> AsyncIterator[Prediction]:
        """Yield the account's predictions, newest first."""
        ...

    async def cancel(self, id: str) -> Prediction:  # noqa: A002 - Replicate's own word for it
        """Ask for its end; harmless when repeated."""
        ...


class Files(Protocol):
    """Replicate's files."""

    async def create(self, *, name: str, content_type: str, data: bytes) -> RemoteFile:
        """Upload one."""
        ...


class Replicate(Protocol):
    """Replicate, as far as runs need it."""

    @property
    def predictions(self) -> Predictions:
        """Predictions."""
        ...

    @property
    def files(self) -> Files:
        """Files."""
        ...

    @property
    def rate(self) -> CreateAllowance | None:
        """How many creates Replicate still takes, as it said last."""
        ...

    async def stream(self, url: str, take: OnBatch, *, wanted: Callable[[], float]) -> None:
        """Hand over the events of a prediction, each once, until it is done; StreamLost when they cannot be had.

        ``wanted`` tells in how many seconds more can be put to use.
        """
        ...


class Gatherer(Protocol):
    """Makes the parts of one run, fetching each file once, also across restarts."""

    async def take(self, piece: RawOutput) -> OutputItem:
        """Return the part that shows a piece: words, a file on our disk, or a link that says why it is not."""
        ...


GathererFor = Callable[[Run], Gatherer]
