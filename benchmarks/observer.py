"""Eyes: what people see of every run, and when."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks.token_clock import TokenClock, newest_token
from sandbox.discord.people.interaction_result import InteractionResult
from sandbox.discord.state.components import iter_components
from sandbox.discord.state.events import Event
from sandbox.discord.state.models import Message
from sandbox.discord.state.state import DiscordState

SAMPLE_EVERY = 0.1
DONE = "(done)"  # how a baseline ends its text


@dataclass(slots=True, eq=False)
class Observation:
    """One run as it is seen from outside. Times are of ``time.monotonic``; None for what has not happened."""

    number: int
    group: int = 0
    writes: bool = True  # text, whose newest token tells how old it is
    exchange: InteractionResult | None = None
    asked_at: float = 0.0
    first_event_at: float | None = None
    done_at: float | None = None
    first_seen_at: float | None = None
    final_at: float | None = None
    edited_at: float | None = None  # first, since the edits were forgotten
    beat: int | None = None  # of the newest token that is visible
    pictures: int = 0

    @property
    def failed(self) -> bool:
        """Whether nobody answered the command in time."""
        return self.exchange is not None and self.exchange.failed

    @property
    def over(self) -> bool:
        """Whether nothing more is to come."""
        return self.final_at is not None or self.failed


class Observer:
    """Watches the state of one load. ``calls`` counts what was asked of Discord by what it was and its answer."""

    def __init__(self, state: DiscordState, metronome: TokenClock) -> None:
        self.sights: dict[int, Observation] = {}
        self.calls: Counter[tuple[str, int]] = Counter()
        self.ages: list[float] = []
        self.changed = asyncio.Event()
        self._state = state
        self._metronome = metronome
        self._by_message: dict[int, Observation] = {}
        self._by_interaction: dict[str, Observation] = {}
        self._blobs: dict[bytes, bytes] = {}
        self._told: list[Callable[[Observation], None]] = []

    @contextmanager
    def open(self) -> Iterator[None]:
        """Look for as long as the context is open."""
        sampler = asyncio.create_task(self._sample(), name="eyes")
        with self._state.events.listen(self._see):
            try:
                yield
            finally:
                sampler.cancel()

    def expect(self, sight: Observation, exchange: InteractionResult) -> None:
        """Look out for what answers a command."""
        sight.exchange = exchange
        self.sights[sight.number] = sight
        self._by_interaction[str(exchange.id)] = sight

    def forget_ages(self) -> None:
        """Begin to sample anew."""
        self.ages.clear()

    def forget_edits(self) -> None:
        """Let every run be one that was not edited yet."""
        for sight in self.sights.values():
            sight.edited_at = None

    def _see(self, change: Event) -> None:
        if change.kind == "API_CALL":
            data = change.data
            self.calls[(_request_kind(str(data["method"]), str(data["path"])), int(data["status"]))] += 1
        elif change.kind in {"MESSAGE_CREATE", "MESSAGE_UPDATE"} and change.message is not None:
            sight = self._sight(change.message)
            if sight is not None and not change.message.loading:
                self._look(sight, change.message)

    def _sight(self, message: Message) -> Observation | None:
        known = self._by_message.get(message.id)
        if known is None:
            known = self._by_interaction.get(str((message.interaction_metadata or {}).get("id")))
            if known is None and message.reference is not None:
                known = self._by_message.get(message.reference.id)
            if known is not None:
                self._by_message[message.id] = known
        return known

    def _look(self, sight: Observation, message: Message) -> None:
        now = time.monotonic()
        self._lighten(message)
        sight.edited_at = sight.edited_at or now
        if (beat := newest_token(message.text)) is not None and (sight.beat is None or beat > sight.beat):
            sight.beat = beat
        sight.pictures = max(sight.pictures, len(message.attachments))
        if sight.first_seen_at is None and (sight.beat is not None or sight.pictures):
            sight.first_seen_at = now
        if sight.final_at is None and _is_final(message):
            sight.final_at = now
            self.changed.set()

    def _lighten(self, message: Message) -> None:
        """Keep the present state alone, and equal files once: only the stand-in's memory is spared."""
        del message.history[:-1]
        for attachment in message.attachments:
            same = self._blobs.setdefault(attachment.data, attachment.data)
            if same is not attachment.data:
                object.__setattr__(attachment, "data", same)

    async def _sample(self) -> None:
        while True:
            await asyncio.sleep(SAMPLE_EVERY)
            now = time.monotonic()
            for sight in self.sights.values():
                if sight.writes and sight.first_event_at is not None and not sight.over and sight.done_at is None:
                    self.ages.append(now - (self._seen_at(sight) or sight.first_event_at))

    def _seen_at(self, sight: Observation) -> float | None:
        return None if sight.beat is None else self._metronome.written_at(sight.beat, sight.group)


def _request_kind(method: str, path: str) -> str:
    if method == "PATCH" and "/messages/" in path:
        return "edit"
    return f"{method} {path.split('/')[1]}"


def _is_final(message: Message) -> bool:
    """Whether it is a run's last state: the bot offers to run it again then, a baseline says so."""
    if message.content:
        return message.content.endswith(DONE)
    return any(str(item.get("custom_id", "")).startswith("run:again") for item in iter_components(message.components))
