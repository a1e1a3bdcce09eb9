"""Delete a result, take files out of it and cover it, in Discord and in the database.

What is asked for is on disk before it is done, so a bot that is killed in between does the rest at its next start.
"""

import asyncio
from collections.abc import Iterable, Sequence
from weakref import WeakValueDictionary

import structlog

from bot.errors import Refused
from bot.language import use_language
from bot.runs.snapshot import FINAL_PHASES
from bot.store.models import Run, RunOutput
from bot.store.results import Results
from bot.store.runs import Runs
from bot.ui.editable_message import EditableMessage
from bot.ui.render.results import result_deleted, was_removed
from bot.ui.render.run_card import STATUS_ID, render_stored_status, tone_of
from bot.ui.render.status import count_stored
from bot.ui.result_messages import ResultGone, ResultMessages, ResultUnreachable
from bot.visibility import Visibility

log = structlog.get_logger(__name__)


class ResultChanges:
    """Makes every change of a delivered result. Who may ask for one is decided before."""

    def __init__(self, *, runs: Runs, results: Results, messages: ResultMessages) -> None:
        self._runs = runs
        self._results = results
        self._messages = messages
        # A message is read and written back; two changes at once would undo one another.
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def _lock(self, run: Run) -> asyncio.Lock:
        return self._locks.setdefault(run.id, asyncio.Lock())

    async def delete(self, run: Run) -> bool:
        """Delete every message of a result and every stored copy; False if further messages are out of reach for good.

        Refused if Discord does not allow that now; it is then tried again until it does.
        """
        await self._results.request_deletion(run.id)
        return await self._finish_deletion(run)

    async def remove(self, run: Run, output: RunOutput) -> None:
        """Take one file out of its message. Refused as for ``delete``."""
        await self._results.request_removal(run.id, output.number)
        await self._finish_removal(run, output)

    async def cover(self, run: Run, *, spoiler: bool) -> None:
        """Put every file of a result behind a spoiler, or uncover them; raise Refused if Discord does not allow it."""
        after = Visibility.SPOILER if spoiler else Visibility.PUBLIC
        if not await self._results.set_visibility(run.id, after, before=run.visibility):
            current = await self._runs.get(run.id)
            if current is None or current.deleted_at is not None or current.visibility is not after:
                raise Refused(result_deleted())
        try:
            async with self._lock(run):
                for message_id in await self._messages_with_outputs(run):
                    message = await self._messages.read(run, message_id)
                    edited = EditableMessage.read(message).covered(spoiler=spoiler)
                    await self._messages.edit(run, message, edited, spoiler=spoiler)
        except Refused:
            await self._results.set_visibility(run.id, run.visibility, before=after)
            raise

    async def finish(self, run: Run) -> None:
        """Do what is left of what was asked for; raise Refused if Discord does not allow it."""
        if run.delete_requested_at is not None:
            await self._finish_deletion(run)
            return
        for output in await self._runs.list_outputs(run.id):
            if output.remove_requested_at is not None and output.removed_at is None:
                await self._finish_removal(run, output)

    async def _finish_deletion(self, run: Run) -> bool:
        is_complete = True
        for message_id in _all_messages(run):
            try:
                await self._messages.delete(run, message_id)
            except ResultUnreachable:
                if message_id == run.place.message_id or not run.place.token_only:
                    raise
                # Only the token of its own interaction reached a further message, and that has expired.
                log.info("further_message_left", run=run.id, message=message_id)
                is_complete = False
        if await self._results.mark_deleted(run.id):
            log.info("result_deleted", run=run.id)
        return is_complete

    async def _finish_removal(self, run: Run, output: RunOutput) -> None:
        """Take a file out of its message, and let the card say so; both follow from the rows, and may be done twice."""
        async with self._lock(run):
            outputs = await self._runs.list_outputs(run.id)
            for message_id in dict.fromkeys((output.message_id, run.place.message_id)):
                try:
                    await self._show_removals(run, message_id, outputs)
                except ResultGone:
                    log.info("message_of_output_gone", run=run.id, number=output.number, message=message_id)
        await self._results.mark_removed(run.id, output.number)

    async def _show_removals(self, run: Run, message_id: int, outputs: Sequence[RunOutput]) -> None:
        """Take all files out of a message that somebody asked to remove, and correct the status if it is in it."""
        message = await self._messages.read(run, message_id)
        shown = EditableMessage.read(message)
        removed = {one.attachment_id for one in outputs if one.remove_requested_at or one.removed_at}
        edited = shown
        if removed.intersection(shown.attachments):
            with use_language(run.place.language):
                edited = shown.without(removed, notice=was_removed())
        status = shown.find_text(STATUS_ID)
        if status is not None:
            counts = count_stored(run, outputs)
            edited = edited.with_text(
                STATUS_ID,
                render_stored_status(run, counts, shown=status),
                accent=tone_of(FINAL_PHASES[run.state], counts).value,
            )
        if edited != shown:
            await self._messages.edit(run, message, edited)

    async def _messages_with_outputs(self, run: Run) -> Iterable[int]:
        outputs = await self._runs.list_outputs(run.id)
        return dict.fromkeys(output.message_id for output in outputs if output.removed_at is None)


def _all_messages(run: Run) -> Iterable[int]:
    """Return the ids of the card, the further messages and the completion notice, each once."""
    return dict.fromkeys((run.place.message_id, *(message for _, message in sorted(run.messages.items()))))
