"""The switches that break things, gathered from both stand-ins and the bot's own process."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from bot.limits import INTERACTION_TOKEN_LIFE
from sandbox.discord.faults import Fault
from sandbox.discord.people.client_checks import ClientRefused
from sandbox.environment import Environment
from sandbox.replicate.faults import FAULT_TYPES, FaultKind

Json = dict[str, Any]
SUGGESTED, BOT, DISCORD = "Try these", "The bot", "Discord"
GROUPS = {
    FaultKind.REQUEST: "Replicate · requests",
    FaultKind.PREDICTION: "Replicate · predictions",
    FaultKind.STREAM: "Replicate · streams",
    FaultKind.DELIVERY: "Replicate · files",
    FaultKind.WEBHOOK: "Replicate · webhooks",
}
FAULT_SETTINGS: dict[str, Json] = {"delay": {"seconds": 5}, "throttled": {"seconds": 3}, "fails": {"after": 1}}
RESTART_DELAY = 2.0  # seconds in which a person sees that the bot is gone
CREATES = "POST *predictions"


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultToggle:
    """One thing to press. One that ``arms`` lies in wait and can be taken back; the others act at once."""

    name: str
    group: str
    label: str
    sentence: str
    press: Callable[[int | None], Awaitable[None] | None]
    arms: bool = False


class FaultToggles:
    """Every switch by name."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._traps: dict[str, Fault] = {}
        self._one_at_a_time = asyncio.Lock()  # acts on the bot's process
        self._restarts: set[asyncio.Task[None]] = set()
        made = [*self._first(), *self._bot(), *self._discord(), *self._replicate()]
        self._switches = {switch.name: switch for switch in made}

    def shown(self) -> list[Json]:
        """Return every switch as the page draws it."""
        return [
            {"name": one.name, "group": one.group, "label": one.label, "sentence": one.sentence, "arms": one.arms}
            for one in self._switches.values()
        ]

    def armed(self) -> dict[str, int | None]:
        """Return the switches in wait: how often each will strike, None for until it is taken back."""
        found: dict[str, int | None] = {}
        for fault in self._environment.replicate.faults.active:
            found[f"replicate:{fault.name}"] = fault.times
        for name, trap in tuple(self._traps.items()):
            if trap in self._environment.discord.faults.active:
                found[name] = None if trap.times is None else trap.times - trap.hits
            else:
                del self._traps[name]
        return found

    async def press(self, name: str, *, keep: bool) -> None:
        """Press a switch; ``keep`` leaves it on until it is pressed again. One that is on goes off."""
        switch = self._switches.get(name)
        if switch is None:
            raise ClientRefused(f"There is no switch “{name}”.")
        if switch.arms and name in self.armed():
            self._disarm(name)
            return
        done = switch.press(None if keep else 1)
        if done is not None:
            await done

    async def close(self) -> None:
        """Begin no process any more."""
        for task in tuple(self._restarts):
            task.cancel()
        await asyncio.gather(*self._restarts, return_exceptions=True)

    def clear(self) -> None:
        """Take back everything that lies in wait."""
        self._environment.replicate.faults.clear()
        self._environment.discord.faults.clear()
        self._traps.clear()

    def _disarm(self, name: str) -> None:
        if name in self._traps:
            self._environment.discord.faults.remove(self._traps.pop(name))
        else:
            self._environment.replicate.faults.clear(name.removeprefix("replicate:"))

    def _first(self) -> list[FaultToggle]:
        add = self._environment.replicate.faults.add
        discord = self._environment.discord.faults

        def one(name: str, label: str, sentence: str, press: Callable[[int | None], Any]) -> FaultToggle:
            return FaultToggle(name=name, group=SUGGESTED, label=label, sentence=sentence, press=press)

        def fault(name: str, label: str, sentence: str, on: str | None = None, times: int = 1) -> FaultToggle:
            def arm(asked: int | None) -> None:
                add(name, on=on, times=times if asked else None, **FAULT_SETTINGS.get(name, {}))

            full = f"replicate:{name}"
            return FaultToggle(name=full, group=SUGGESTED, label=label, sentence=sentence, press=arm, arms=True)

        return [
            fault("stream-close", "Close the stream", "It ends in the middle. The bot comes back for the rest."),
            fault("stream-stall", "Stall the stream", "It stays open and says nothing more. The bot notices."),
            fault("error-500", "Replicate answers 500", "Three requests fail with an HTML page.", times=3),
            fault("throttled", "Replicate answers 429", "The next create has to wait three seconds.", CREATES),
            fault("no-credit", "Replicate answers 402", "The next create finds the account empty."),
            one("kill-and-start", "Kill and restart the bot", "No goodbye; a new process two seconds later.",
                self._again),
            one("drop-gateway", "Drop the gateway", "Discord's connection breaks; missed events are sent again.",
                lambda _: discord.drop_gateway()),
            one("expire-tokens", "Expire the tokens", "15 minutes are over for every answer so far.",
                lambda _: discord.expire_tokens()),
        ]  # fmt: skip

    def _bot(self) -> list[FaultToggle]:
        bot = self._environment.bot

        def one(name: str, label: str, sentence: str, act: Callable[[], Awaitable[Any]]) -> FaultToggle:
            async def press(_: int | None) -> None:
                async with self._one_at_a_time:
                    await act()

            return FaultToggle(name=name, group=BOT, label=label, sentence=sentence, press=press)

        return [
            one("kill", "Kill", "SIGKILL, in the middle of whatever it does.", bot.kill),
            one("stop", "Stop", "SIGTERM: it says what goes on, and leaves.", bot.stop),
            one("start", "Start", "A new process with the same memory.", bot.start),
        ]

    def _again(self, _: int | None) -> None:
        # The page that asked may be gone before the bot is back.
        task = asyncio.create_task(self._kill_and_start(), name="restart")
        self._restarts.add(task)
        task.add_done_callback(self._restarts.discard)

    async def _kill_and_start(self) -> None:
        async with self._one_at_a_time:
            await self._environment.bot.kill()
            await asyncio.sleep(RESTART_DELAY)
            await self._environment.bot.start()

    def _discord(self) -> list[FaultToggle]:
        discord, faults = self._environment.discord, self._environment.discord.faults
        minutes = INTERACTION_TOKEN_LIFE.total_seconds()
        mia = discord.state.user("mia")

        def one(name: str, label: str, sentence: str, press: Callable[[], Any]) -> FaultToggle:
            return FaultToggle(name=name, group=DISCORD, label=label, sentence=sentence, press=lambda _: press())

        def trap(name: str, label: str, sentence: str, arm: Callable[[int | None], Fault]) -> FaultToggle:
            def press(times: int | None) -> None:
                self._traps[name] = arm(times)

            return FaultToggle(name=name, group=DISCORD, label=label, sentence=sentence, press=press, arms=True)

        def install() -> None:
            mia.installed = not mia.installed

        edits = "PATCH /*"
        return [
            trap("edits-fail", "Edits fail", "An edit of a message is answered with 500.",
                 lambda times: faults.fail(edits, times=times)),
            trap("edits-throttled", "Edits are throttled", "429 for 3 seconds.",
                 lambda times: faults.throttle(edits, seconds=3, times=times)),
            trap("all-throttled", "Everything is throttled", "429, global, for 3 seconds.",
                 lambda times: faults.throttle_all(seconds=3, times=times)),
            trap("edits-cut", "Edits get no answer", "The edit is done, then the connection breaks.",
                 lambda times: faults.cut_after(edits, times=times)),
            trap("edits-late", "Edits are slow", "Each takes 3 seconds more.",
                 lambda times: faults.delay(edits, seconds=3, times=times)),
            one("session-lost", "Lose the session", "The gateway breaks and nothing can be resumed.",
                lambda: faults.drop_gateway(resumable=False)),
            one("reconnect", "Ask to reconnect", "Discord moves the bot to another server (op 7).",
                faults.request_reconnect),
            one("silence", "Zombie connection", "It takes everything and says nothing.", faults.silence_gateway),
            one("skip", "Skip 15 minutes", "Discord's clock jumps; tokens and deadlines with it.",
                lambda: discord.skip(minutes)),
            one("install", "Mia installs the bot for herself", "Then it works in #lobby, too. Again takes it back.",
                install),
        ]  # fmt: skip

    def _replicate(self) -> list[FaultToggle]:
        add, listed = self._environment.replicate.faults.add, {switch.name for switch in self._first()}

        def one(name: str) -> FaultToggle:
            switch = FAULT_TYPES[name]

            def press(times: int | None) -> None:
                add(name, times=times, **FAULT_SETTINGS.get(name, {}))

            label = name.replace("-", " ").capitalize()
            sentence, group = switch.description.replace("`", ""), GROUPS.get(switch.kind, "Replicate")
            full = f"replicate:{name}"
            return FaultToggle(name=full, group=group, label=label, sentence=sentence, press=press, arms=True)

        return [one(name) for name in FAULT_TYPES if f"replicate:{name}" not in listed]
