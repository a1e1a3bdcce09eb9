"""The far end: both services, the people, and the models of the benchmark."""

import io
import random
import time
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Self

from PIL import Image

from benchmarks import fixtures
from benchmarks.observer import Observation, Observer
from benchmarks.streams import SharedChannel, SharedStreams
from benchmarks.token_clock import TokenClock, run_number
from bot.clock import SystemClock
from sandbox.discord.standin import DiscordStandIn
from sandbox.replicate.job import Job, Timings
from sandbox.replicate.middleware import Throttle
from sandbox.replicate.prediction import Prediction
from sandbox.replicate.schema import openapi_document
from sandbox.replicate.standin import ReplicateStandIn
from sandbox.request_log import Call, RequestLog

if TYPE_CHECKING:
    import asyncio

COMMANDS = "talk=bench/words,paint=bench/pictures"
CREATES_PER_MINUTE = 6000  # what an account has that Replicate raised the limit for

_PROMPT = {"type": "string", "title": "Prompt", "description": "What to make.", "x-order": 0}
_WORDS = {"type": "array", "items": {"type": "string"}, "x-cog-array-type": "iterator",
          "x-cog-array-display": "concatenate"}  # fmt: skip
_PICTURES = {"type": "array", "items": {"type": "string", "format": "uri"}, "x-cog-array-type": "iterator"}


class _DiscardedCalls(RequestLog):
    """Calls that are not kept: a benchmark makes millions."""

    def append(self, _: Call) -> None:
        """Let it go."""


class BenchmarkEnvironment:
    """Discord, Replicate and their people, for one load.

    ``tokens`` is how many a text run writes, ``pictures`` how many an image run makes, one a second; ``picture`` is the
    file that each is. With ``together``, all pictures of all runs come when that event is set.
    """

    def __init__(self) -> None:
        clock = SystemClock()
        self.metronome = TokenClock()
        self.discord = DiscordStandIn(clock=clock, state=fixtures.build_state(clock))
        self.replicate = ReplicateStandIn(
            clock=clock,
            timings=Timings(queue=0.3, boot=0.3, finish=0.1),
            throttle=Throttle(clock=clock, creates_per_minute=CREATES_PER_MINUTE),
            predictors={"words": self._words, "pictures": self._pictures},
            streams=SharedStreams,
        )
        self.replicate.calls = _DiscardedCalls()
        self.eyes = Observer(self.discord.state, self.metronome)
        self.tokens = 300
        self.pictures = 5
        self.together: asyncio.Event | None = None
        self.picture = make_image(512, 80)
        self.events = 0
        self._open = AsyncExitStack()
        for name, output, predictor in (("words", _WORDS, "words"), ("pictures", _PICTURES, "pictures")):
            self.replicate.add_model(_model(name, output), predictor=predictor, official=True)

    async def __aenter__(self) -> Self:
        await self.discord.start()
        self._open.push_async_callback(self.discord.stop)
        await self.replicate.start()
        self._open.push_async_callback(self.replicate.stop)
        self._open.enter_context(self.eyes.open())
        self.metronome.start()
        self._open.callback(self.metronome.stop)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._open.aclose()

    @property
    def made(self) -> int:
        """How many events the models have written."""
        return self.metronome.events + self.events

    def settings(self) -> dict[str, str]:
        """Return the variables that point a subject here."""
        return {
            "DISCORD_TOKEN": self.discord.bot_token,
            "DISCORD_API_URL": self.discord.api_url,
            "DISCORD_GATEWAY_URL": self.discord.gateway_url,
            "REPLICATE_API_TOKEN": self.replicate.token,
            "REPLICATE_BASE_URL": self.replicate.base_url,
            "REPLICATE_FILE_HOSTS": ",".join(self.replicate.file_hosts),
            "COMMANDS": COMMANDS,
            "RUNS_PER_USER": "1000",
            "CREATES_PER_MINUTE": str(CREATES_PER_MINUTE),
        }

    async def ask(self, number: int, command: str) -> Observation:
        """Let somebody use a command; run ``number`` is at the end of the prompt."""
        person, channel = fixtures.person_and_channel(self.discord, number)
        sight = Observation(number, group=self.metronome.deal(), writes=command == "talk", asked_at=time.monotonic())
        prompt = {"prompt": f"Say what there is to say about lighthouses, bridges and boats, number {number}"}
        self.eyes.expect(sight, await person.use_command(channel, command, prompt, wait=False))
        return sight

    def forget_calls(self) -> None:
        """Drop what the stand-in for Discord keeps of every request."""
        self.discord.calls.clear()

    async def _words(self, job: Job) -> None:
        sight, prediction = self._of(job)
        group = sight.group if sight else self.metronome.deal()
        # Its first beat is the next of its group, at most a thirtieth of a second from now.
        self._heard(sight)
        await self.metronome.play(prediction, self.tokens, group)
        self._ends(sight, prediction)

    async def _pictures(self, job: Job) -> None:
        sight, prediction = self._of(job)
        if self.together is not None:
            await self.together.wait()
            urls = [job.save_file(self.picture, f"out-{index}.webp") for index in range(self.pictures)]
            self._heard(sight)
            self.events += len(urls)
            await job.set_output(urls)
        else:
            for index in range(self.pictures):
                await job.sleep(1.0)
                self._heard(sight)
                self.events += 1
                await job.add_output(job.save_file(self.picture, f"out-{index}.webp"))
        self._ends(sight, prediction)

    def _of(self, job: Job) -> tuple[Observation | None, Prediction]:
        return self.eyes.sights.get(run_number(job)), self.replicate.predictions[job.id]

    def _heard(self, sight: Observation | None) -> None:
        if sight is not None and sight.first_event_at is None:
            sight.first_event_at = time.monotonic()

    def _ends(self, sight: Observation | None, prediction: Prediction) -> None:
        """Note when ``done`` goes out."""
        channel = prediction.channel
        if sight is None or not isinstance(channel, SharedChannel):
            return

        def done() -> None:
            sight.done_at = time.monotonic()

        channel.when_done = done


def make_image(side: int, quality: int, *, least: int = 0) -> bytes:
    """Return a WebP that compresses as a photograph does; ``least`` is the least number of bytes."""
    noise = random.Random(side)  # noqa: S311  # not for secrets: the same picture every time
    small = Image.frombytes("RGB", (side // 8, side // 8), noise.randbytes(3 * (side // 8) ** 2))
    data = _encode_webp(small.resize((side, side), Image.Resampling.BICUBIC), quality)
    # A chunk that decoders skip fills it up.
    return data if len(data) >= least else _pad_webp(data, least)


def _encode_webp(image: Image.Image, quality: int) -> bytes:
    out = io.BytesIO()
    image.save(out, "WEBP", quality=quality, method=0)
    return out.getvalue()


def _pad_webp(data: bytes, least: int) -> bytes:
    room = (least - len(data)) // 2 * 2
    filled = data + b"BNCH" + room.to_bytes(4, "little") + random.Random(1).randbytes(room)  # noqa: S311  # as above
    return filled[:4] + (len(filled) - 8).to_bytes(4, "little") + filled[8:]


def _model(name: str, output: dict[str, Any]) -> dict[str, Any]:
    schemas = {
        "Input": {"type": "object", "title": "Input", "properties": {"prompt": _PROMPT}, "required": ["prompt"]},
        "Output": {"title": "Output", **output},
    }
    return {
        "url": f"https://replicate.com/bench/{name}",
        "owner": "bench",
        "name": name,
        "description": f"Makes {name} for the benchmark",
        "visibility": "public",
        "run_count": 1,
        "latest_version": {"openapi_schema": openapi_document(schemas)},
    }
