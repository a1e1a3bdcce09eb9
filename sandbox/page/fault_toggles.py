"""The fault toggles of the page, for both stand-ins and the bot's own process."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from bot.limits import INTERACTION_TOKEN_LIFE
from sandbox.discord.client_checks import ClientRefused
from sandbox.discord.faults import Fault
from sandbox.environment import Environment
from sandbox.replicate.faults import FAULT_TYPES, FaultKind

Json = dict[str, Any]

SUGGESTED, BOT, DISCORD = "Try these", "The bot", "Discord"
REPLICATE_GROUPS = {
    FaultKind.REQUEST: "Replicate · requests",
    FaultKind.PREDICTION: "Replicate · predictions",
    FaultKind.STREAM: "Replicate · streams",
    FaultKind.DELIVERY: "Replicate · files",
    FaultKind.WEBHOOK: "Replicate · webhooks",
}
REPLICATE_PREFIX = "replicate:"
FAULT_SETTINGS: dict[str, Json] = {"delay": {"seconds": 5}, "throttled": {"seconds": 3}, "fails": {"after": 1}}
RESTART_DELAY = 2.0  # seconds: long enough to see on the page that the bot is down
CREATES = "POST *predictions"
EDITS = "PATCH /*"

# Called with the number of times that the fault triggers, None until it is reset.
Activate = Callable[[int | None], Awaitable[None] | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultToggle:
    """A toggle on the page. One that ``arms`` stays armed until it triggers or is reset; others act at once."""

    name: str
    group: str
    label: str
    description: str
    activate: Activate
    arms: bool = False


class FaultToggles:
    """Every toggle by its name."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._discord_faults: dict[str, Fault] = {}
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

    async def toggle(self, name: str, *, keep: bool) -> None:
        """Activate a toggle, or disarm it if it is armed; ``keep`` arms it until it is reset instead of once."""
        toggle = self._toggles.get(name)
        if toggle is None:
            raise ClientRefused(f"Unknown fault: “{name}”.")
        if toggle.arms and name in self.armed():
            self._disarm(name)
            return
        pending = toggle.activate(None if keep else 1)
        if pending is not None:
            await pending

    def reset(self) -> None:
        """Disarm everything."""
        self._environment.replicate.faults.clear()
        self._environment.discord.faults.clear()
        self._discord_faults.clear()

    async def close(self) -> None:
        """Cancel pending restarts of the bot."""
        for task in tuple(self._restarts):
            task.cancel()
        await asyncio.gather(*self._restarts, return_exceptions=True)

    def _disarm(self, name: str) -> None:
        if name in self._discord_faults:
            self._environment.discord.faults.remove(self._discord_faults.pop(name))
        else:
            self._environment.replicate.faults.clear(name.removeprefix(REPLICATE_PREFIX))

    def _suggested_faults(self) -> list[FaultToggle]:
        add_fault = self._environment.replicate.faults.add

        def fault(name: str, label: str, description: str, on: str | None = None, times: int = 1) -> FaultToggle:
            def arm(requested: int | None) -> None:
                add_fault(name, on=on, times=times if requested else None, **FAULT_SETTINGS.get(name, {}))

            full_name = f"{REPLICATE_PREFIX}{name}"
            return FaultToggle(
                name=full_name, group=SUGGESTED, label=label, description=description, activate=arm, arms=True
            )

        return [
            fault("stream-close", "Close the stream", "It ends halfway. The bot reconnects for the rest."),
            fault("stream-stall", "Stall the stream", "It stays open but silent. The bot notices."),
            fault("error-500", "Replicate responds with 500", "Three requests fail with an HTML page.", times=3),
            fault("throttled", "Replicate responds with 429", "The next create has to wait three seconds.", CREATES),
            fault("no-credit", "Replicate responds with 402", "The account has no credit for the next create."),
        ]

    def _suggested_actions(self) -> list[FaultToggle]:
        faults = self._environment.discord.faults

        def action(name: str, label: str, description: str, act: Callable[[], None]) -> FaultToggle:
            return FaultToggle(
                name=name, group=SUGGESTED, label=label, description=description, activate=lambda _: act()
            )

        return [
            action(
                "kill-and-start",
                "Kill and restart the bot",
                "SIGKILL without warning; a new process two seconds later.",
                self._schedule_restart,
            ),
            action(
                "drop-gateway",
                "Drop the gateway connection",
                "The bot resumes, and Discord replays the missed events.",
                faults.drop_gateway,
            ),
            action(
                "expire-tokens",
                "Expire the interaction tokens",
                "The 15 minutes end now for every reply so far.",
                faults.expire_tokens,
            ),
        ]

    def _bot_toggles(self) -> list[FaultToggle]:
        bot = self._environment.bot

        def action(name: str, label: str, description: str, act: Callable[[], Awaitable[Any]]) -> FaultToggle:
            async def activate(_: int | None) -> None:
                async with self._bot_lock:
                    await act()

            return FaultToggle(name=name, group=BOT, label=label, description=description, activate=activate)

        return [
            action("kill", "Kill", "SIGKILL: ends at once, whatever it is doing.", bot.kill),
            action("stop", "Stop", "SIGTERM: reports open runs and exits.", bot.stop),
            action("start", "Start", "A new process with the same database.", bot.start),
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

        def action(name: str, label: str, description: str, act: Callable[[], Any]) -> FaultToggle:
            return FaultToggle(name=name, group=DISCORD, label=label, description=description, activate=lambda _: act())

        def fault(name: str, label: str, description: str, add: Callable[[int | None], Fault]) -> FaultToggle:
            def arm(times: int | None) -> None:
                self._discord_faults[name] = add(times)

            return FaultToggle(name=name, group=DISCORD, label=label, description=description, activate=arm, arms=True)

        def toggle_installation() -> None:
            mia.installed = not mia.installed

        return [
            fault("edits-fail", "Edits fail", "Editing a message fails with 500.",
                  lambda times: faults.fail(EDITS, times=times)),
            fault("edits-throttled", "Edits are throttled", "429 for 3 seconds.",
                  lambda times: faults.throttle(EDITS, seconds=3, times=times)),
            fault("all-throttled", "Everything is throttled", "A global 429 for 3 seconds.",
                  lambda times: faults.throttle_all(seconds=3, times=times)),
            fault("edits-cut", "Edits get no response", "The edit is made, then the connection is cut.",
                  lambda times: faults.cut_after(EDITS, times=times)),
            fault("edits-late", "Edits are slow", "Each takes 3 seconds longer.",
                  lambda times: faults.delay(EDITS, seconds=3, times=times)),
            action("session-lost", "Lose the session", "The gateway connection breaks and cannot be resumed.",
                   lambda: faults.drop_gateway(resumable=False)),
            action("reconnect", "Request a reconnect", "Discord moves the bot to another server (opcode 7).",
                   faults.request_reconnect),
            action("silence", "Zombie connection", "Accepts everything, never replies.", faults.silence_gateway),
            action("skip", "Skip 15 minutes", "Discord's clock jumps ahead, past tokens and deadlines.",
                   lambda: discord.skip(token_seconds)),
            action("install", "Install the bot for Mia", "It then works in #lobby, too. Press again to uninstall it.",
                   toggle_installation),
        ]  # fmt: skip

    def _replicate_toggles(self) -> list[FaultToggle]:
        add_fault = self._environment.replicate.faults.add

        def fault(name: str) -> FaultToggle:
            fault_type = FAULT_TYPES[name]

            def arm(times: int | None) -> None:
                add_fault(name, times=times, **FAULT_SETTINGS.get(name, {}))

            return FaultToggle(
                name=f"{REPLICATE_PREFIX}{name}",
                group=REPLICATE_GROUPS.get(fault_type.kind, "Replicate"),
                label=name.replace("-", " ").capitalize(),
                description=fault_type.description.replace("`", ""),
                activate=arm,
                arms=True,
            )

        return [fault(name) for name in FAULT_TYPES]
