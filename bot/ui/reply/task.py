"""The replies to all active runs, and the task that owns one of them.

The task shows the newest snapshot of its run, and makes every request about it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime

import structlog

from bot.aio import WakeEvent, cancel_and_wait, race
from bot.language import load_languages, set_language
from bot.limits import EARLY_TOKENS, PRIVATE_OFFER_AFTER
from bot.runs.snapshot import DeliveryResult, RunSnapshot
from bot.store.errors import StoreError
from bot.store.models import Run, RunOutput
from bot.ui.render import strings
from bot.ui.render.cards import message_url
from bot.ui.render.chains import goes_on
from bot.ui.render.next import format_origin
from bot.ui.reply.errors import EditResult
from bot.ui.reply.extras import ReplyExtras
from bot.ui.reply.snapshot_writer import ReplyWriter
from bot.ui.reply.state import ReplyServices, ReplyState
from bot.ui.requests import send_while
from bot.visibility import Visibility

# Seconds before the next attempt, by the number of failures before it.
_BACKOFF = (2.0, 4.0, 8.0, 15.0, 30.0)

# Seconds that the last edit may take when the bot stops.
_CLOSE_SECONDS = 3.0

# Seconds between two checks of all replies.
_CHECK_INTERVAL = 2.0

# After so many seconds without an edit of the card, check whether it was deleted.
_CHECK_SECONDS = 30.0

# Seconds that are waited for a decoration; a locked database takes longer.
_ORIGIN_SECONDS = 2.0

# How often the final snapshot is sent again with the files and texts that Discord refused, before they are only linked.
# The engine waits longer each time, a quarter of a minute in all.
_SECOND_CHANCES = 4

log = structlog.get_logger(__name__)


class ReplyTask:
    """The reply to one run; implements :class:`~bot.runs.snapshot.Reply`.

    ``update`` and ``finish`` hand over a snapshot; the task, the only writer of the messages, always sends the newest.
    The first snapshot and the first output are sent at once, then one edit a second, the final snapshot always and at
    once.
    """

    def __init__(
        self,
        run: Run,
        *,
        services: ReplyServices,
        on_deleted: Callable[[], Awaitable[None]],
        on_closed: Callable[["ReplyTask"], None],
        recovered: bool = False,
    ) -> None:
        self.run = run
        self._services = services
        self._on_deleted = on_deleted
        self._on_closed = on_closed
        self._state = ReplyState.open(run, services, recovered=recovered)
        self._writer = ReplyWriter(self._state, services)
        self._extras = ReplyExtras(self._state, services)
        self._first_output_shown = recovered  # when that was is not known after a restart
        self._task: asyncio.Task[None] | None = None
        self._urgent = WakeEvent(services.clock)
        self._answer: asyncio.Future[DeliveryResult] | None = None
        self._delivery: DeliveryResult | None = None  # the answer that no further attempt changes
        self._failures = 0
        self._failed = False
        self._check_due = False

    def update(self, snapshot: RunSnapshot) -> None:
        """Replace the snapshot to show, and return at once; a snapshot that was not sent yet is dropped."""
        if self._answer is not None or self._state.closing or self._has_final:
            return
        first_output = not self._state.attempted_output and bool(snapshot.items)
        self._set_newest(snapshot)
        if first_output:
            self._raise_priority()

    def next_edit_in(self) -> float:
        """Return the seconds until a new snapshot could be sent, as far as is known; 0.0 for at once."""
        return self._services.limiter.next_edit_in(self._state.current_message.key)

    async def finish(self, snapshot: RunSnapshot) -> DeliveryResult:
        """Send the final snapshot with all its items, and return what happened to it."""
        if self._delivery is not None:
            return self._delivery
        state = self._state
        if state.closing:
            return DeliveryResult.LATER
        self._answer = asyncio.get_running_loop().create_future()
        self._failures, self._failed = 0, False
        if not self._has_final and state.restrictions.plain:
            state.restrictions = replace(state.restrictions, plain=False)  # perhaps only earlier snapshots fail
        if state.transports.reopen_bot(self._services.clock.now()):
            state.restrictions = state.restrictions.without_remark(strings.NO_ACCESS)
        if state.restrictions.doubtful:
            state.restrictions = state.restrictions.with_second_chance()
            state.shown = None
        self._set_newest(snapshot)
        self._wake()
        return await asyncio.shield(self._answer)

    async def list_outputs(self) -> Sequence[RunOutput]:
        """Return the rows of the output files that Discord has, in the order in which people see them."""
        return () if self._delivery is DeliveryResult.GONE else await self._writer.list_outputs()

    async def close(self) -> None:
        """Send the newest snapshot if that can be done soon, and stop."""
        self._state.closing = True
        if self._task is not None and not self._task.done():
            self._wake()
            timeout = asyncio.ensure_future(self._services.clock.sleep(_CLOSE_SECONDS))
            await asyncio.wait({self._task, timeout}, return_when=asyncio.FIRST_COMPLETED)
            timeout.cancel()
            self._task.cancel()
            await asyncio.wait({self._task})
        self._resolve(DeliveryResult.LATER)
        self._release()

    async def abandon(self) -> None:
        """Stop at once and send nothing more: another process shows the run."""
        self._state.closing = True
        self._extras.close()
        if self._task is not None:
            await cancel_and_wait([self._task])
        self._resolve(DeliveryResult.LATER)
        self._release()

    def renew_token(self, token: str, expires_at: datetime) -> None:
        """Use the interaction token of a button press under the message; it may be told again by the store."""
        state = self._state
        if not state.transports.renew_token(token, expires_at):
            return
        state.restrictions = state.restrictions.with_token_expiry(expired=False)
        state.shown = None
        self._wake()

    def limit_text(self) -> None:
        if self._task is not None and not self._task.done() and self._state.limit_text():
            self._state.redraw()

    def check(self) -> None:
        """Do what is due by time alone; called every few seconds.

        Before the token that alone reaches the message expires, ask for a button press. After a while without an edit
        of the card, let the task check whether it was deleted.
        """
        if self._task is None or self._task.done():
            return
        state, clock = self._state, self._services.clock
        if not state.restrictions.options.show_refresh and state.transports.expires_soon(clock.now()):
            state.restrictions = state.restrictions.with_token_expiry(expired=True)
            state.shown = None
            self._wake()
        if not state.restrictions.options.offer_dm and self._may_outlive_token(clock.now()):
            state.restrictions = state.restrictions.with_dm_offer()
            state.shown = None
            self._wake()
        if clock.monotonic() - state.card_seen_at >= _CHECK_SECONDS:
            state.card_seen_at = clock.monotonic()
            self._check_due = True
            state.changed.set()

    def _may_outlive_token(self, now: datetime) -> bool:
        """Whether a private run takes so long that its message may be out of reach when it ends."""
        run = self.run
        # A chain stays: the pictures of its earlier steps are in its message alone.
        is_private = run.visibility is Visibility.PRIVATE and run.place.token_only and run.chain is None
        return is_private and not self._has_final and now - run.created_at >= PRIVATE_OFFER_AFTER

    @property
    def _has_final(self) -> bool:
        return self._task is not None and self._state.newest.final

    def _set_newest(self, snapshot: RunSnapshot) -> None:
        state = self._state
        state.newest, state.updated_at = snapshot, self._services.clock.monotonic()
        state.changed.set()
        if self._task is None:
            state.card_seen_at = state.updated_at
            self._task = asyncio.create_task(self._run(), name=f"reply to run {self.run.id}")
            self._task.add_done_callback(lambda _: self._resolve(DeliveryResult.LATER))

    def _wake(self) -> None:
        """Let the task act at once, whatever it is waiting for."""
        self._state.changed.set()
        self._urgent.set()
        self._raise_priority()

    def _raise_priority(self) -> None:
        state, services = self._state, self._services
        transport = state.transports.select(services.clock.now())
        if transport is not None and self._task is not None:
            key = state.current_message.key
            services.limiter.change_priority(key, bucket=transport.bucket, priority=state.priority)

    async def _run(self) -> None:
        await load_languages(self.run.place.language)  # after a restart nobody has spoken it yet
        set_language(self.run.place.language)  # not that of whoever's press started the task
        # Without the task itself: connections that are opened here keep this for as long as they live.
        ownership, fence = self._services.ownership, self.run.fence
        send_while(lambda: ownership.seconds_left(fence) > 0)
        state = self._state
        over = False
        await self._show_origin()
        while not over and not (state.closing and state.newest == state.shown):
            await state.changed.wait()
            state.changed.clear()
            self._urgent.clear()
            try:
                over = await self._handle(await self._attempt())
            except StoreError as error:
                log.warning("reply_not_recorded", run=self.run.id, error=str(error))
                over = await self._handle(EditResult.LATER)
            except Exception:
                self._services.metrics.unexpected_error("ui")
                log.exception("reply_failed", run=self.run.id)
                over = await self._handle(EditResult.FAILED)
        self._release()

    async def _show_origin(self) -> None:
        """Let the card say from the first edit on which run this one was started with, if the database answers.

        A run that others cannot see, or that was deleted, has no link; one whose data was deleted is not named.
        """
        origin, find_run = self.run.parent, self._services.find_run
        if origin is None or find_run is None:
            return
        try:
            async with asyncio.timeout(_ORIGIN_SECONDS):
                parent = await find_run(origin.run_id)
        except (StoreError, TimeoutError):
            log.info("origin_not_read", run=self.run.id, parent=origin.run_id)
            return
        if parent is not None:
            is_reachable = parent.visibility is not Visibility.PRIVATE and parent.deleted_at is None
            url = message_url(parent.place) if is_reachable else None
            line = format_origin(parent.author_name, origin.output, url=url)
            self._state.restrictions = self._state.restrictions.with_origin(line)

    async def _attempt(self) -> EditResult:
        """Show the newest snapshot; with nothing to show, find out whether the card is deleted if that is due.

        An edit finds that out as well, so output never waits for a check: with 1,000 runs of which 400 had waited for a
        minute, checks delayed the first content of these by 10 s (p95).
        """
        state = self._state
        check_due, self._check_due = self._check_due, False
        if self._failed and not state.newest.final:
            result = EditResult.SKIPPED
        elif state.newest == state.shown:
            result = EditResult.SHOWN
        else:
            if check_due:
                state.messages[0].shown = None  # the text may be growing in another message; edit the card as well
            result = await self._write()
            check_due = check_due and result is EditResult.SKIPPED
        if check_due and await race(self._writer.is_deleted(), self._wait_for_sendable()):
            return EditResult.DELETED
        return result

    async def _wait_for_sendable(self) -> None:
        """Return when there is a snapshot that may be sent; while edits are scarce, only the final one."""
        state = self._state
        while True:
            await state.changed.wait()
            transport = state.transports.select(self._services.clock.now())
            is_scarce = transport is None or state.transports.edits_are_scarce(transport, self._services.clock.now())
            if state.newest.final or state.closing or not (self._failed or is_scarce):
                return
            state.changed.clear()

    async def _write(self) -> EditResult:
        """Write the newest snapshot. If our own code fails at that, the next attempt shows it without decoration."""
        state = self._state
        try:
            result = await self._writer.write()
        except StoreError:
            raise
        except Exception:
            self._services.metrics.unexpected_error("ui")
            log.exception("rendering_failed", run=self.run.id, plain=state.restrictions.plain)
            self._failed = state.restrictions.plain
            state.restrictions = replace(state.restrictions, plain=True)
            return EditResult.FAILED if self._failed else EditResult.INCOMPLETE
        self._record_attempt(result)
        return result

    def _record_attempt(self, result: EditResult) -> None:
        state, services = self._state, self._services
        has_output = bool(state.attempted.items)
        state.attempted_any = True
        state.attempted_output = state.attempted_output or has_output
        if result is not EditResult.SHOWN:
            return
        self._failures = 0
        if not state.attempted.final:
            self._extras.add_reaction()
        if has_output:
            services.metrics.output_shown(services.clock.monotonic() - state.attempted_at)
            if not self._first_output_shown:
                self._first_output_shown = True
                age = services.clock.now() - self.run.created_at
                services.metrics.first_output_shown(self.run.command, age.total_seconds())

    async def _handle(self, result: EditResult) -> bool:
        """Do what follows from an attempt; return whether it was the last one."""
        state = self._state
        if result is EditResult.DELETED:
            await self._report_deleted()
            return True
        if result is EditResult.INCOMPLETE:
            state.changed.set()
            return False
        if not state.newest.final:
            if result in (EditResult.LATER, EditResult.REFUSED):
                await self._back_off()
            return False
        if result is EditResult.CLOSED or (result is EditResult.SHOWN and state.shown == state.newest):
            if state.restrictions.doubtful and state.second_chances < _SECOND_CHANCES:
                state.second_chances += 1
                self._resolve(DeliveryResult.LATER)
                return False
            return await self._complete()
        return self._resolve_undelivered(result)

    def _resolve_undelivered(self, result: EditResult) -> bool:
        """Answer that the final snapshot is not shown; return whether no further attempt is worthwhile."""
        match result:
            case EditResult.FAILED:
                delivery = DeliveryResult.FAILED
            case EditResult.UNREACHABLE | EditResult.LATER | EditResult.REFUSED:
                delivery = DeliveryResult.LATER  # a press may open a way to the message, a rule of the server may go
            case _:
                return False
        self._resolve(delivery)
        return delivery is not DeliveryResult.LATER

    async def _complete(self) -> bool:
        """Notify the author and remove the reaction after the final snapshot; return False to try again later.

        The next step of a chain goes on with the message as it is.
        """
        if goes_on(self._state.newest):
            self._resolve(DeliveryResult.DELIVERED)
            await self._extras.keep_reaction()
            return True
        if not await self._extras.notify_author():
            self._resolve(DeliveryResult.LATER)
            return False
        self._resolve(DeliveryResult.DELIVERED)
        await self._extras.remove_reaction()
        return True

    async def _report_deleted(self) -> None:
        self._resolve(DeliveryResult.GONE)
        if not self._state.newest.final:
            try:
                await self._on_deleted()
            except Exception:
                self._services.metrics.unexpected_error("ui")
                log.exception("deletion_not_handled", run=self.run.id)

    async def _back_off(self) -> None:
        """Wait before the next attempt, unless something urgent comes."""
        pause = _BACKOFF[min(self._failures, len(_BACKOFF) - 1)]
        self._failures += 1
        await self._urgent.wait(pause)
        self._state.changed.set()

    def _resolve(self, delivery: DeliveryResult) -> None:
        if delivery is not DeliveryResult.LATER:
            self._delivery = delivery
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(delivery)

    def _release(self) -> None:
        self._extras.close()
        for message in self._state.messages:
            self._services.limiter.forget(message.key)
        self._on_closed(self)


class ReplyRegistry:
    """Opens replies; implements :class:`~bot.runs.snapshot.OpenReply`."""

    def __init__(self, services: ReplyServices) -> None:
        self.limiter = services.limiter
        self._services = services
        self._by_run: dict[str, ReplyTask] = {}
        # Of runs that are not taken up yet after a restart; the oldest is dropped first.
        self._early_tokens: dict[str, tuple[str, datetime]] = {}
        # One task for all replies: one for each was 2 kB a run.
        self._checks: asyncio.Task[None] | None = None

    def __call__(self, run: Run, *, on_deleted: Callable[[], Awaitable[None]], recovered: bool = False) -> ReplyTask:
        """Return the reply to a run; it calls ``on_deleted`` once if its message turns out to be deleted."""
        reply = ReplyTask(
            run, services=self._services, on_deleted=on_deleted, on_closed=self._remove, recovered=recovered
        )
        self._by_run[run.id] = reply
        if (early := self._early_tokens.pop(run.id, None)) is not None:
            reply.renew_token(*early)
        if self._checks is None:
            self._checks = asyncio.create_task(self._check_all(), name="reply checks")
        return reply

    @property
    def open(self) -> int:
        """How many replies are open."""
        return len(self._by_run)

    def renew_token(self, run_id: str, token: str, expires_at: datetime) -> None:
        """Hand over the token of a press under the message of a run that is not delivered.

        If the run is not taken up yet after a restart, its reply gets the token when it is.
        """
        reply = self._by_run.get(run_id)
        if reply is not None:
            reply.renew_token(token, expires_at)
            return
        self._early_tokens[run_id] = (token, expires_at)
        if len(self._early_tokens) > EARLY_TOKENS:
            del self._early_tokens[next(iter(self._early_tokens))]

    async def close(self) -> None:
        """Stop the checks and the rate limiter, after all replies are closed."""
        if self._checks is not None:
            self._checks.cancel()
            await asyncio.wait({self._checks})
        await self.limiter.close()

    async def _check_all(self) -> None:
        while True:
            await self._services.clock.sleep(_CHECK_INTERVAL)
            for reply in self._by_run.values():
                reply.check()

    def _remove(self, reply: ReplyTask) -> None:
        if self._by_run.get(reply.run.id) is reply:
            del self._by_run[reply.run.id]
