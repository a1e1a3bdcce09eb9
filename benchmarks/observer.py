"""Observes what people see of every run in Discord, and when."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks.token_clock import TokenClock, newest_tick
from sandbox.discord.person import InteractionResult
from sandbox.discord.state.components import iter_components
from sandbox.discord.state.models import Message
from sandbox.discord.state.state import DiscordState, Event

SAMPLE_EVERY = 0.1
DONE = "(done)"  # the end of a baseline's finished text


@dataclass(slots=True, eq=False)
class ObservedRun:
    """One run as seen from outside; times are of ``time.monotonic``, None for what has not happened."""

    number: int
    group: int = 0
    is_text: bool = True
    result: InteractionResult | None = None
    first_event_at: float | None = None
    done_at: float | None = None
    first_visible_at: float | None = None
    final_at: float | None = None
    edited_at: float | None = None  # the first edit since ``clear_edits``
    newest_tick: int | None = None  # of the visible tokens
    images: int = 0

    @property
    def failed(self) -> bool:
        """Whether the command was not acknowledged in time."""
        return self.result is not None and self.result.failed

    @property
    def finished(self) -> bool:
        """Whether nothing more is expected."""
        return self.final_at is not None or self.failed


class Observer:
    """Observes the runs of one load.

    ``requests`` counts the requests to Discord by kind and status; ``ages`` are samples of how old the newest visible
    token of a run is, in seconds.
    """

    def __init__(self, state: DiscordState, token_clock: TokenClock) -> None:
        self.runs: dict[int, ObservedRun] = {}
        self.requests: Counter[tuple[str, int]] = Counter()
        self.ages: list[float] = []
        self._state = state
        self._token_clock = token_clock
        self._by_message: dict[int, ObservedRun] = {}
        self._by_interaction: dict[str, ObservedRun] = {}
        self._files: dict[bytes, bytes] = {}

    @contextmanager
    def observing(self) -> Iterator[None]:
        """Observe while the context is open."""
        sampler = asyncio.create_task(self._sample_ages(), name="observer")
        with self._state.events.listen(self._on_event):
            try:
                yield
            finally:
                sampler.cancel()

    def expect(self, run: ObservedRun, result: InteractionResult) -> None:
        """Observe the response to a command."""
        run.result = result
        self.runs[run.number] = run
        self._by_interaction[str(result.id)] = run

    def clear_ages(self) -> None:
        self.ages.clear()

    def clear_edits(self) -> None:
        """Forget that runs were edited."""
        for run in self.runs.values():
            run.edited_at = None

    def _on_event(self, event: Event) -> None:
        if event.kind == "API_CALL":
            kind = _request_kind(str(event.data["method"]), str(event.data["path"]))
            self.requests[kind, int(event.data["status"])] += 1
        elif event.kind in {"MESSAGE_CREATE", "MESSAGE_UPDATE"} and event.message is not None:
            run = self._find_run(event.message)
            if run is not None and not event.message.loading:
                self._update(run, event.message)

    def _find_run(self, message: Message) -> ObservedRun | None:
        """Return the run of a response, or of a message that replies to one."""
        run = self._by_message.get(message.id)
        if run is None:
            run = self._by_interaction.get(str((message.interaction_metadata or {}).get("id")))
            if run is None and message.reference is not None:
                run = self._by_message.get(message.reference.id)
            if run is not None:
                self._by_message[message.id] = run
        return run

    def _update(self, run: ObservedRun, message: Message) -> None:
        now = time.monotonic()
        self._free_memory(message)
        run.edited_at = run.edited_at or now
        if (tick := newest_tick(message.text)) is not None and (run.newest_tick is None or tick > run.newest_tick):
            run.newest_tick = tick
        shown = [one for one in message.attachments if not one.filename.startswith("place-")]
        run.images = max(run.images, len(shown))
        if run.first_visible_at is None and (run.newest_tick is not None or run.images):
            run.first_visible_at = now
        if run.final_at is None and _is_final(message):
            run.final_at = now

    def _free_memory(self, message: Message) -> None:
        """Keep only the newest version, and equal files once: the stand-in shares this process's memory."""
        del message.history[:-1]
        for attachment in message.attachments:
            stored = self._files.setdefault(attachment.data, attachment.data)
            if stored is not attachment.data:
                object.__setattr__(attachment, "data", stored)

    async def _sample_ages(self) -> None:
        while True:
            await asyncio.sleep(SAMPLE_EVERY)
            now = time.monotonic()
            for run in self.runs.values():
                if run.is_text and run.first_event_at is not None and not run.finished and run.done_at is None:
                    self.ages.append(now - (self._newest_written_at(run) or run.first_event_at))

    def _newest_written_at(self, run: ObservedRun) -> float | None:
        return None if run.newest_tick is None else self._token_clock.written_at(run.newest_tick, run.group)


def _request_kind(method: str, path: str) -> str:
    if method == "PATCH" and "/messages/" in path:
        return "edit"
    return f"{method} {path.split('/')[1]}"


def _is_final(message: Message) -> bool:
    """Return whether it shows a finished run: the bot offers to run it again, a baseline appends ``DONE``."""
    if message.content:
        return message.content.endswith(DONE)
    return any(str(item.get("custom_id", "")).startswith("run:again") for item in iter_components(message.components))
