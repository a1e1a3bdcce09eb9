"""What surrounds a reply: the ❌ under it, and the short message that calls the author back."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import structlog

from bot.runs.page import Page, Phase
from bot.runs.view import Ledger
from bot.store.run import Run
from bot.ui import words
from bot.ui.gate import Gate
from bot.ui.pace import Urgency
from bot.ui.package import Package
from bot.ui.reply import Reply
from bot.ui.roads import Road, nonce_of
from bot.ui.troubles import FAILURES, Trouble, trouble

log = structlog.get_logger(__name__)

# Edits notify nobody: who waited longer than this has looked away.
_LONG = timedelta(minutes=1)
_NOTICE = 0


class Aside:
    """The reaction and the notice of one run. Nothing here delays the card."""

    def __init__(self, run: Run, *, reply: Reply, gate: Gate, ledger: Ledger) -> None:
        self._run = run
        self._reply = reply
        self._gate = gate
        self._ledger = ledger
        self._marking: asyncio.Task[None] | None = None
        self._asked = False

    def mark(self, remarked: Callable[[], None]) -> None:
        """Put the ❌ under the card, once, where the bot can; where it may not, ``remarked`` is called."""
        if self._marking is None and self._reply.roads.bot is not None and not self._reply.ephemeral:
            self._marking = asyncio.create_task(self._mark(remarked), name=f"the reaction under run {self._run.id}")

    async def unmark(self) -> None:
        """Take the bot's own ❌ away: there is nothing left to stop."""
        if self._marking is not None:
            if not self._asked:
                self._marking.cancel()
            await asyncio.wait({self._marking})
        road = self._reply.roads.bot
        if road is None or not self._reply.reacted:
            return
        try:
            async with self._gate.aside(road.reactions):
                await road.unreact()
        except FAILURES as error:
            log.info("The reaction stays.", run=self._run.id, reason=str(error))

    def leave(self) -> None:
        """Stop what is under way."""
        if self._marking is not None:
            self._marking.cancel()

    async def call_back(self, page: Page) -> bool:
        """Send the one message that mentions the author, if the run was long; False when it is to be tried again."""
        reply = self._reply
        if reply.noticed or not self._is_awaited(page):
            return True
        try:
            await reply.recalled()
        except FAILURES:
            return False
        if reply.noticed:
            return True
        for road in (reply.roads.bot, reply.token_road()):
            if road is None:
                continue
            try:
                await self._send(road, page)
            except FAILURES as error:
                if trouble(error) is Trouble.LATER:
                    return False
                log.info("The author is not called back this way.", run=self._run.id, reason=str(error))
            else:
                return True
        return True

    def _is_awaited(self, page: Page) -> bool:
        run, took = page.run, words.elapsed(page.run)
        if self._run.place.token_only or self._reply.ephemeral or took is None or took <= _LONG:
            return False
        by = (run.cancel_requested_by or "").removeprefix("@")
        return page.progress.phase is not Phase.CANCELED or by not in (run.author_name, str(run.author_id))

    async def _send(self, road: Road, page: Page) -> None:
        package = Package(content=words.notice(page), mentions=(page.run.author_id,))
        async with self._gate.aside(road.line, Urgency.LAST):
            await self._ledger.message_sending(page.run.id, _NOTICE)
            sent = await road.send(package, nonce=nonce_of(page.run.id, _NOTICE), ephemeral=False)
        self._reply.noticed = True
        await self._ledger.message_sent(page.run.id, _NOTICE, sent.message_id)

    async def _mark(self, remarked: Callable[[], None]) -> None:
        road = self._reply.roads.bot
        if road is None or self._reply.reacted:
            return
        try:
            async with self._gate.aside(road.reactions):
                self._asked = True
                await road.react()
        except FAILURES as error:
            if trouble(error) is Trouble.NO_ACCESS:
                self._reply.terms.remark(words.NO_REACTION)
                remarked()
            log.info("There is no reaction to stop the run with.", run=self._run.id, reason=str(error))
        else:
            self._reply.reacted = True
