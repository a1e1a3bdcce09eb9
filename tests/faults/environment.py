"""A bot between both stand-ins: start a run, break something, check the result."""

import asyncio
import json
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.discord.person import Person
from sandbox.discord.state.models import Channel, Message, Upload
from sandbox.environment import Environment
from sandbox.portrait import draw_portrait
from sandbox.replicate.prediction import Prediction
from sandbox.request_log import Call
from tests.database_reader import DatabaseReader, SqliteReader

ME = Upload("me.png", draw_portrait())
LONGEST_PAUSE = 0.06  # seconds; each look at a database takes CPU
LONG = 90.0  # a limit, not a wait: two cores may be busy with many tests
_TIMES = ["created_at", "token_expires_at", "sent_at", "started_at", "cancel_requested_at", "ended_at"]


class BotUnderTest:
    """A running bot between both stand-ins. ``generate`` and ``talk`` start runs."""

    def __init__(self, environment: Environment, folder: Path) -> None:
        self.environment = environment
        self.folder = folder
        self.discord, self.replicate = environment.discord, environment.replicate
        self.port = 0  # where the bot listens, if it was told to
        self.reader: DatabaseReader = SqliteReader(folder / "replicord.db")
        self._started = 0

    @property
    def mia(self) -> Person:
        return self.discord.person("mia")

    def channel(self, name: str = "pictures") -> Channel:
        return self.discord.state.channel(name)

    async def generate(
        self, who: str = "mia", *, where: Channel | None = None, images: int = 2, **values: Any
    ) -> "StartedRun":
        """Use /generate; every run has a prompt of its own, by which it is told from all others."""
        self._started += 1
        prompt = f"wish number {self._started} of {self.folder.name}"
        given = {"prompt": prompt, "subject": ME, "number_of_outputs": images} | values
        exchange = await self.discord.person(who).use_command(where or self.channel(), "generate", given)
        assert exchange.message is not None, exchange.text
        return StartedRun(self, exchange.message, str(given["prompt"]))

    async def talk(self, prompt: str, who: str = "mia", *, where: Channel | None = None, **values: Any) -> "StartedRun":
        """Use /talk."""
        given = {"prompt": prompt, "max_tokens": 3000} | values
        exchange = await self.discord.person(who).use_command(where or self.channel("general"), "talk", given)
        assert exchange.message is not None, exchange.text
        return StartedRun(self, exchange.message, prompt)

    def query(self, question: str, *values: Any) -> list[dict[str, Any]]:
        """Ask the bot's database, changing nothing."""
        return self.reader.query(question, *values)

    async def kill(self) -> None:
        """End the process in the middle of whatever it does, and let Discord forget what hung."""
        await self.environment.bot.kill()
        self.reader.close()
        self.discord.faults.clear()

    async def start(self) -> None:
        await self.environment.start_bot()

    async def stop(self) -> int:
        """Stop the process and return its exit code; nobody else has its database open."""
        self.reader.close()
        return await self.environment.bot.stop()

    async def restart(self) -> None:
        await self.kill()
        await self.start()

    def clear(self) -> None:
        self.discord.faults.clear()
        self.replicate.faults.clear()

    def advance(self, seconds: float) -> None:
        """Let time have passed while the process is dead: what it wrote down is so much older when it comes back."""
        assert not self.environment.bot.running
        columns = ", ".join(f"{name} = {name} - :by" for name in _TIMES)
        with closing(sqlite3.connect(self.folder / "replicord.db")) as database:
            database.execute(f"UPDATE runs SET {columns}", {"by": int(seconds * 1e6)})  # noqa: S608  # names of ours
            database.commit()
        self.discord.skip(seconds)

    def log_text(self) -> str:
        """Return everything that the bot wrote to its log."""
        return self.environment.bot.log.read_text(encoding="utf-8")


@dataclass
class StartedRun:
    """One run that someone started."""

    bot: BotUnderTest
    message: Message
    prompt: str

    @property
    def row(self) -> dict[str, Any]:
        found = self.bot.query("SELECT * FROM runs WHERE message_id = ?", self.message.id)
        return found[0] if found else {}

    @property
    def state(self) -> str:
        return str(self.row.get("state"))

    @property
    def predictions(self) -> list[Prediction]:
        made = self.bot.replicate.predictions.values()
        return [one for one in made if one.input.get("prompt") == self.prompt]

    @property
    def is_over(self) -> bool:
        """Whether the card says that the run ended."""
        return "Again" in self.message.buttons

    @property
    def card_text(self) -> str:
        """What the card says, without its markup."""
        return self.message.text.replace("**", "")

    @property
    def images(self) -> list[str]:
        return [one.filename for one in self.message.attachments if one.filename.startswith("generate-")]

    @property
    def follow_ups(self) -> list[Message]:
        """Every further message of the bot's that everybody sees and that belongs to this run."""
        seen = self.message.channel.messages.values()
        return [one for one in seen if one.author.bot and one.reference is self.message and not one.ephemeral]

    async def wait_for(self, condition: Callable[[], object]) -> None:
        """Wait until something is true in Discord."""
        await self.bot.discord.state.wait_for(condition, timeout=LONG)

    async def wait_until_over(self) -> None:
        """Wait until the card says so."""
        await self.wait_for(lambda: self.is_over)

    async def wait_until_delivered(self, limit: float = LONG) -> None:
        """Wait until the end is shown, and written down as shown."""
        await eventually(lambda: bool(self.row.get("delivered_at")), limit)

    async def assert_consistent(
        self, state: str = "succeeded", *, images: int | None = None, predictions: int = 1
    ) -> None:
        """Check what must hold of every run: it ended once, with one prediction, in one reply, no image twice."""
        await self.wait_until_delivered()
        assert self.state == state, (self.row, self.card_text)
        assert len(self.predictions) == predictions
        if predictions:
            assert self.row["prediction_id"] == self.predictions[0].id
        assert self.is_over
        assert not self.message.deleted
        assert len(set(self.images)) == len(self.images)
        if images is not None:
            assert len(self.images) == images, self.card_text
        assert all(times == 1 for times in self.uploads().values()), self.uploads()
        assert len(self.bot.query("SELECT 1 FROM runs WHERE message_id = ?", self.message.id)) == 1

    def uploads(self) -> Counter[str]:
        """Count how often Discord took each file of the run's card."""
        taken = {(one.filename, one.id) for state in self.message.history for one in state.body.attachments}
        return Counter(name for name, _ in taken)


async def eventually(condition: Callable[[], object], limit: float = LONG) -> None:
    """Wait until something is true that no event tells of: on disk, or in another process."""
    pause = 0.02
    async with asyncio.timeout(limit):
        while not condition():
            await asyncio.sleep(pause)
            pause = min(pause * 1.2, LONGEST_PAUSE)


def shows_end(call: Call) -> bool:
    """Whether an edit is a run's last one."""
    return '"Again"' in json.dumps(call.body)


def has_image(call: Call) -> bool:
    """Whether an edit brings an output."""
    return any(name.startswith("generate-") for name, _ in call.files.values())
