"""Where a run comes from: the line of its card about the run whose output it was started with."""

import asyncio
from typing import Final

import structlog

from bot.store.errors import StoreError
from bot.store.models import Run
from bot.ui.render.cards import message_url
from bot.ui.render.next import format_origin
from bot.ui.reply.state import ReplyServices
from bot.visibility import Visibility

_SECONDS: Final = 2.0  # for a decoration; a locked database takes longer

log = structlog.get_logger(__name__)


async def find_origin(run: Run, services: ReplyServices) -> str | None:
    """Return the line as Markdown, None without a parent or while the database does not answer.

    A parent that others cannot see, or that was deleted, has no link; one whose data was deleted has no line.
    """
    if run.parent is None or services.find_run is None:
        return None
    try:
        async with asyncio.timeout(_SECONDS):
            parent = await services.find_run(run.parent.run_id)
    except (StoreError, TimeoutError):
        log.info("origin_not_read", run=run.id, parent=run.parent.run_id)
        return None
    if parent is None:
        return None
    is_reachable = parent.visibility is not Visibility.PRIVATE and parent.deleted_at is None
    return format_origin(parent.author_name, run.parent.output, url=message_url(parent.place) if is_reachable else None)
