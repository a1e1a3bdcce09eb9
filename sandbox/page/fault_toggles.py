"""The fault toggles of the page, for both stand-ins and the bot's own process."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bot.limits import INTERACTION_TOKEN_LIFE
from sandbox.discord.client_checks import ClientRefused
from sandbox.discord.faults import Fault as DiscordFault
from sandbox.environment import Environment
from sandbox.page.fault_texts import REPLICATE_TEXTS
from sandbox.replicate.faults import FAULT_TYPES, FaultKind
from sandbox.replicate.faults import Fault as ReplicateFault

Json = dict[str, Any]

SUGGESTED, BOT, DISCORD = "Try these", "The bot", "Discord"
REPLICATE_GROUPS = {
    FaultKind.REQUEST: "Replicate · requests",
    FaultKind.PREDICTION: "Replicate · the model",
    FaultKind.STREAM: "Replicate · the stream",
    FaultKind.DELIVERY: "Replicate · result files",
    FaultKind.WEBHOOK: "Replicate · webhooks",
}
REPLICATE_PREFIX = "replicate:"
FAULT_SETTINGS: dict[str, Json] = {
    "delay": {"seconds": 5},
    "throttled": {"seconds": 3},
    "fails": {"after": 1},
    "never-ends": {"after": 1},
    "slow-start": {"seconds": 20},
    "stream-close": {"after": 1},
    "other-output": {"output": {"unexpected": True, "answer": 42}},
    "other-logs": {"logs": "Loading weights… 100 %\nTraceback (most recent call last):\n  nothing to worry about\n"},
    "file-slow": {"bytes": 16_384, "seconds": 0.5},
}
RESTART_DELAY = 2.0  # seconds: long enough to see on the page that the bot is down
CREATES = "POST *predictions"
EDITS = "PATCH /*"

# Called with the number of times that the fault triggers, None until it is reset; returns what was armed.
Activate = Callable[[int | None], Awaitable[None] | DiscordFault | ReplicateFault | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Undo:
    """How an action is taken back: what its button says, and whether there is anything to take back now."""

    label: str
    act: Callable[[], Awaitable[Any] | None]
    is_possible: Callable[[], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultToggle:
    """A toggle on the page. One that ``arms`` stays armed until it triggers or is reset; others act at once."""

    name: str
    group: str
    label: str
    description: str
    activate: Activate
    arms: bool = False
    undo: Undo | None = None


@dataclass(slots=True)
class _Happened:
    """How often a toggle did something, and when it did last."""

    count: int
    at: datetime


@dataclass(slots=True)
class _Armed:
    """A fault that was armed at the page, and how many of its hits are counted."""

    name: str
    fault: DiscordFault | ReplicateFault
    counted: int = 0


class FaultToggles:
    """Every toggle by its name."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._discord_faults: dict[str, DiscordFault] = {}
        self._armed: list[_Armed] = []
        self._happened: dict[str, _Happened] = {}
        self._bot_lock = asyncio.Lock()  # one action on the bot's process at a time
        self._restarts: set[asyncio.Task[None]] = set()
        suggested = [*self._suggested_faults(), *self._suggested_actions()]
        names = {toggle.name for toggle in suggested}
        others = [toggle for toggle in self._replicate_toggles() if toggle.name not in names]
        toggles = [*suggested, *self._bot_toggles(), *self._discord_toggles(), *others]
        self._toggles = {toggle.name: toggle for toggle in toggles}

    def to_json(self) -> list[Json]:
        """Return every toggle for the page."""
        return [
            {
                "name": toggle.name,
                "group": toggle.group,
                "label": toggle.label,
                "description": toggle.description,
                "arms": toggle.arms,
            }
            for toggle in self._toggles.values()
        ]

    def armed(self) -> dict[str, int | None]:
        """Return how often each armed toggle will still trigger, None for until it is reset, by its name."""
        armed: dict[str, int | None] = {}
        for fault in self._environment.replicate.faults.active:
            armed[f"{REPLICATE_PREFIX}{fault.name}"] = fault.times
        for name, discord_fault in tuple(self._discord_faults.items()):
            if discord_fault in self._environment.discord.faults.active:
                times, hits = discord_fault.times, discord_fault.hits
                armed[name] = None if times is None else times - hits
            else:
                del self._discord_faults[name]
        return armed

    def happened(self) -> dict[str, Json]:
        """Return what each toggle has done so far, by its name: {count, at, label}."""
        self._count_hits()
        return {
            name: {"count": done.count, "at": done.at.isoformat(), "label": self._toggles[name].label}
            for name, done in self._happened.items()
        }

    def undoable(self) -> dict[str, str]:
        """Return what the button says that takes an action back, by the name of the toggle."""
        undoes = ((name, toggle.undo) for name, toggle in self._toggles.items())
        return {name: undo.label for name, undo in undoes if undo is not None and undo.is_possible()}

    async def toggle(self, name: str, *, keep: bool) -> None:
        """Activate a toggle, or disarm it if it is armed; ``keep`` arms it until it is reset instead of once."""
        toggle = self._find(name)
        if toggle.arms and name in self.armed():
            self._disarm(name)
            return
        result = toggle.activate(None if keep else 1)
        if isinstance(result, DiscordFault | ReplicateFault):
            self._armed.append(_Armed(name, result))
            return
        if result is not None:
            await result
        self._record(name)

    async def undo(self, name: str) -> None:
        """Take an action back."""
        undo = self._find(name).undo
        if undo is None or not undo.is_possible():
            raise ClientRefused("There is nothing to take back any more.")
        result = undo.act()
        if result is not None:
            await result

    def reset(self) -> None:
        """Disarm everything."""
        self._count_hits()
        self._environment.replicate.faults.clear()
        self._environment.discord.faults.clear()
        self._discord_faults.clear()
        self._armed.clear()

    async def close(self) -> None:
        """Cancel pending restarts of the bot."""
        for task in tuple(self._restarts):
            task.cancel()
        await asyncio.gather(*self._restarts, return_exceptions=True)

    def _find(self, name: str) -> FaultToggle:
        if name not in self._toggles:
            raise ClientRefused(f"Unknown fault: “{name}”.")
        return self._toggles[name]

    def _count_hits(self) -> None:
        for armed in self._armed:
            new = armed.fault.hits - armed.counted
            if new > 0:
                armed.counted += new
                self._record(armed.name, new)

    def _record(self, name: str, count: int = 1) -> None:
        before = self._happened[name].count if name in self._happened else 0
        self._happened[name] = _Happened(before + count, datetime.now(UTC))

    def _disarm(self, name: str) -> None:
        if name in self._discord_faults:
            self._environment.discord.faults.remove(self._discord_faults.pop(name))
        else:
            self._environment.replicate.faults.clear(name.removeprefix(REPLICATE_PREFIX))

    def _suggested_faults(self) -> list[FaultToggle]:
        add_fault = self._environment.replicate.faults.add

        def fault(name: str, label: str, description: str, on: str | None = None, times: int = 1) -> FaultToggle:
            def arm(requested: int | None) -> ReplicateFault:
                return add_fault(name, on=on, times=times if requested else None, **FAULT_SETTINGS.get(name, {}))

            full_name = f"{REPLICATE_PREFIX}{name}"
            return FaultToggle(
                name=full_name, group=SUGGESTED, label=label, description=description, activate=arm, arms=True
            )

        return [
            fault("stream-close", "Close the stream", "It ends halfway. The bot connects again for the rest."),
            fault("stream-stall", "Stall the stream", "It stays open and falls silent. The bot notices."),
            fault("error-500", "Replicate is down", "Three requests get an error page (500).", times=3),
            fault("throttled", "Replicate is busy", "The next run has to wait three seconds (429).", CREATES),
            fault("no-credit", "No credit left", "The next run cannot be paid for (402)."),
        ]

    def _suggested_actions(self) -> list[FaultToggle]:
        discord = self._environment.discord

        def action(
            name: str, label: str, description: str, act: Callable[[], None], undo: Undo | None = None
        ) -> FaultToggle:
            return FaultToggle(
                name=name, group=SUGGESTED, label=label, description=description, activate=lambda _: act(), undo=undo
            )

        return [
            action(
                "kill-and-start",
                "Kill the bot",
                "At once, in the middle of whatever it does (SIGKILL). A new one starts after two seconds.",
                self._schedule_restart,
            ),
            action(
                "drop-gateway",
                "Cut the bot off Discord",
                "The connection breaks. The bot connects again, and Discord repeats what it missed.",
                discord.faults.drop_gateway,
            ),
            action(
                "expire-tokens",
                "End the 15 minutes",
                "No answer so far may be edited by its own token any more.",
                discord.faults.expire_tokens,
                Undo(
                    label="Make them valid again",
                    act=discord.faults.restore_tokens,
                    is_possible=discord.faults.has_expired_tokens,
                ),
            ),
        ]

    def _bot_toggles(self) -> list[FaultToggle]:
        bot = self._environment.bot

        def locked(act: Callable[[], Awaitable[Any]]) -> Callable[[], Awaitable[None]]:
            async def run() -> None:
                async with self._bot_lock:
                    await act()

            return run

        start_again = Undo(label="Start it again", act=locked(bot.start), is_possible=lambda: not bot.running)

        def action(
            name: str, label: str, description: str, act: Callable[[], Awaitable[Any]], undo: Undo | None = None
        ) -> FaultToggle:
            run = locked(act)
            return FaultToggle(
                name=name, group=BOT, label=label, description=description, activate=lambda _: run(), undo=undo
            )

        return [
            action("kill", "Kill and leave it", "Ends at once, whatever it is doing (SIGKILL).", bot.kill, start_again),
            action("stop", "Stop", "Asks it to end: it reports open runs and exits (SIGTERM).", bot.stop, start_again),
            action("start", "Start", "Starts a new process with the same database.", bot.start),
        ]

    def _schedule_restart(self) -> None:
        # In a task of its own, because the page that requested it may be gone before the bot is back.
        task = asyncio.create_task(self._kill_and_start(), name="restart")
        self._restarts.add(task)
        task.add_done_callback(self._restarts.discard)

    async def _kill_and_start(self) -> None:
        async with self._bot_lock:
            await self._environment.bot.kill()
            await asyncio.sleep(RESTART_DELAY)
            await self._environment.bot.start()

    def _discord_toggles(self) -> list[FaultToggle]:
        discord, faults = self._environment.discord, self._environment.discord.faults
        token_seconds = INTERACTION_TOKEN_LIFE.total_seconds()
        mia = discord.state.user("mia")

        def action(
            name: str, label: str, description: str, act: Callable[[], Any], undo: Undo | None = None
        ) -> FaultToggle:
            def activate(_: int | None) -> None:
                act()

            return FaultToggle(
                name=name, group=DISCORD, label=label, description=description, activate=activate, undo=undo
            )

        def fault(name: str, label: str, description: str, add: Callable[[int | None], DiscordFault]) -> FaultToggle:
            def arm(times: int | None) -> DiscordFault:
                self._discord_faults[name] = add(times)
                return self._discord_faults[name]

            return FaultToggle(name=name, group=DISCORD, label=label, description=description, activate=arm, arms=True)

        def install(*, installed: bool) -> None:
            mia.installed = installed

        return [
            fault("edits-fail", "Refuse an edit", "The next change of a message gets an error (500).",
                  lambda times: faults.fail(EDITS, times=times)),
            fault("edits-throttled", "Slow down edits", "The next change of a message has to wait three seconds (429).",
                  lambda times: faults.throttle(EDITS, seconds=3, times=times)),
            fault("all-throttled", "Slow down everything", "All requests have to wait three seconds (global 429).",
                  lambda times: faults.throttle_all(seconds=3, times=times)),
            fault("edits-cut", "Lose an answer", "The next change is made, then the connection is cut.",
                  lambda times: faults.cut_after(EDITS, times=times)),
            fault("edits-late", "Answer late", "The next change of a message takes three seconds longer.",
                  lambda times: faults.delay(EDITS, seconds=3, times=times)),
            action("session-lost", "Forget the session", "The connection breaks and cannot be resumed. The bot logs in "
                   "anew.", lambda: faults.drop_gateway(resumable=False)),
            action("reconnect", "Ask for a reconnect", "Discord moves the bot to another of its servers (opcode 7).",
                   faults.request_reconnect),
            action("silence", "Fall silent", "The connection stays open, and nothing comes through it any more.",
                   faults.silence_gateway,
                   Undo(label="Speak again", act=faults.end_silence, is_possible=faults.is_silent)),
            action("skip", "Skip 15 minutes", "Discord's clock jumps ahead. That cannot be taken back.",
                   lambda: discord.skip(token_seconds)),
            action("install", "Install the bot for Mia", "It then works in #lobby too, where the bot is no member.",
                   lambda: install(installed=True),
                   Undo(label="Uninstall it", act=lambda: install(installed=False), is_possible=lambda: mia.installed)),
        ]  # fmt: skip

    def _replicate_toggles(self) -> list[FaultToggle]:
        add_fault = self._environment.replicate.faults.add

        def fault(name: str) -> FaultToggle:
            label, description = REPLICATE_TEXTS[name]

            def arm(times: int | None) -> ReplicateFault:
                return add_fault(name, times=times, **FAULT_SETTINGS.get(name, {}))

            return FaultToggle(
                name=f"{REPLICATE_PREFIX}{name}",
                group=REPLICATE_GROUPS.get(FAULT_TYPES[name].kind, "Replicate"),
                label=label,
                description=description,
                activate=arm,
                arms=True,
            )

        return [fault(name) for name in FAULT_TYPES]
