"""The environment of a candidate: both stand-ins, the people, and the models of the benchmark."""

import io
import random
import time
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Self

from PIL import Image

from benchmarks import fixtures
from benchmarks.observer import ObservedRun, Observer
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

COMMANDS = "talk=bench/text,paint=bench/images"
CREATES_PER_MINUTE = 6000  # of an account whose limit Replicate has raised

_PROMPT = {"type": "string", "title": "Prompt", "description": "What to make.", "x-order": 0}
_TEXT = {"type": "array", "items": {"type": "string"}, "x-cog-array-type": "iterator",
         "x-cog-array-display": "concatenate"}  # fmt: skip
_IMAGES = {"type": "array", "items": {"type": "string", "format": "uri"}, "x-cog-array-type": "iterator"}


class _DiscardingLog(RequestLog):
    """A request log that keeps nothing: a benchmark makes millions of requests."""

    def append(self, _: Call) -> None:
        return


class BenchmarkEnvironment:
    """Discord, Replicate and the people of one load.

    A text run writes ``tokens`` tokens. An image run outputs ``image`` ``images`` times, one a second, or all at once
    when ``release`` is set to an event that is then set.
    """

    def __init__(self) -> None:
        clock = SystemClock()
        self.token_clock = TokenClock()
        self.discord = DiscordStandIn(clock=clock, state=fixtures.build_state(clock))
        self.discord.gateway.identify_interval = 0.0  # a restart is measured without Discord's wait
        self.discord.state.max_concurrency = 16  # so that several shards are connected at once
        self.replicate = ReplicateStandIn(
            clock=clock,
            timings=Timings(queue=0.3, boot=0.3, finish=0.1),
            throttle=Throttle(clock=clock, creates_per_minute=CREATES_PER_MINUTE),
            predictors={"text": self._predict_text, "images": self._predict_images},
            streams=SharedStreams,
        )
        self.replicate.calls = _DiscardingLog()
        self.observer = Observer(self.discord.state, self.token_clock)
        self.tokens = 300
        self.images = 5
        self.image = make_image(512, 80)
        self.release: asyncio.Event | None = None
        self.creates_per_minute = CREATES_PER_MINUTE  # of the bot; Replicate accepts more
        self._image_events = 0
        self._exit = AsyncExitStack()
        for name, output in (("text", _TEXT), ("images", _IMAGES)):
            self.replicate.add_model(_model_payload(name, output), predictor=name, official=True)

    async def __aenter__(self) -> Self:
        await self.discord.start()
        self._exit.push_async_callback(self.discord.stop)
        await self.replicate.start()
        self._exit.push_async_callback(self.replicate.stop)
        self._exit.enter_context(self.observer.observing())
        self.token_clock.start()
        self._exit.callback(self.token_clock.stop)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._exit.aclose()

    @property
    def events(self) -> int:
        """How many output events the models have sent."""
        return self.token_clock.events + self._image_events

    def settings(self) -> dict[str, str]:
        """Return the environment variables that point a candidate at the stand-ins."""
        return {
            "DISCORD_TOKEN": self.discord.bot_token,
            "DISCORD_API_URL": self.discord.api_url,
            "DISCORD_GATEWAY_URL": self.discord.gateway_url,
            "REPLICATE_API_TOKEN": self.replicate.token,
            "REPLICATE_BASE_URL": self.replicate.base_url,
            "REPLICATE_FILE_HOSTS": ",".join(self.replicate.file_hosts),
            "COMMANDS": COMMANDS,
            "RUNS_PER_USER": "1000",
            "CREATES_PER_MINUTE": str(self.creates_per_minute),
        }

    async def start_run(self, number: int, command: str) -> ObservedRun:
        """Use a command as some person; the prompt ends with ``number``."""
        person, channel = fixtures.person_and_channel(self.discord, number)
        run = ObservedRun(number, group=self.token_clock.next_group(), is_text=command == "talk")
        values = {"prompt": f"Say what there is to say about lighthouses, bridges and boats, number {number}"}
        self.observer.expect(run, await person.use_command(channel, command, values, wait=False))
        return run

    def clear_calls(self) -> None:
        """Drop the stand-in's log of requests to Discord."""
        self.discord.calls.clear()

    async def _predict_text(self, job: Job) -> None:
        run, prediction = self._find_run(job)
        group = run.group if run else self.token_clock.next_group()
        # The first token is written with the next tick of the group, at most a thirtieth of a second from now.
        _mark_first_event(run)
        await self.token_clock.write_tokens(prediction, self.tokens, group)
        _mark_done_when_sent(run, prediction)

    async def _predict_images(self, job: Job) -> None:
        run, prediction = self._find_run(job)
        if self.release is not None:
            await self.release.wait()
            urls = [job.save_file(self.image, f"out-{index}.webp") for index in range(self.images)]
            _mark_first_event(run)
            self._image_events += len(urls)
            await job.set_output(urls)
        else:
            for index in range(self.images):
                await job.sleep(1.0)
                _mark_first_event(run)
                self._image_events += 1
                await job.add_output(job.save_file(self.image, f"out-{index}.webp"))
        _mark_done_when_sent(run, prediction)

    def _find_run(self, job: Job) -> tuple[ObservedRun | None, Prediction]:
        return self.observer.runs.get(run_number(job)), self.replicate.predictions[job.id]


def _mark_first_event(run: ObservedRun | None) -> None:
    if run is not None and run.first_event_at is None:
        run.first_event_at = time.monotonic()


def _mark_done_when_sent(run: ObservedRun | None, prediction: Prediction) -> None:
    """Record when the stream's ``done`` event is sent."""
    channel = prediction.channel
    if run is None or not isinstance(channel, SharedChannel):
        return

    def mark_done() -> None:
        run.done_at = time.monotonic()

    channel.on_done = mark_done


def make_image(side: int, quality: int, *, min_bytes: int = 0) -> bytes:
    """Return a WebP of ``side`` × ``side`` pixels that compresses like a photograph, padded to ``min_bytes``."""
    noise = random.Random(side)  # noqa: S311  # not for secrets: the same image every time
    small = Image.frombytes("RGB", (side // 8, side // 8), noise.randbytes(3 * (side // 8) ** 2))
    out = io.BytesIO()
    small.resize((side, side), Image.Resampling.BICUBIC).save(out, "WEBP", quality=quality, method=0)
    data = out.getvalue()
    return data if len(data) >= min_bytes else _pad_webp(data, min_bytes)


def _pad_webp(data: bytes, min_bytes: int) -> bytes:
    """Append a chunk that decoders skip."""
    size = (min_bytes - len(data)) // 2 * 2
    padding = random.Random(1).randbytes(size)  # noqa: S311  # as above
    padded = data + b"BNCH" + size.to_bytes(4, "little") + padding
    return padded[:4] + (len(padded) - 8).to_bytes(4, "little") + padded[8:]


def _model_payload(name: str, output: dict[str, Any]) -> dict[str, Any]:
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
