"""The token clock: writes the tokens of all text models of the benchmark.

One timer serves all streams. The streams are divided into groups that are written one after another within a tick, so
that not everything arrives at once. A token encodes its tick, so the visible text tells how old it is.
"""

import asyncio
import re
import time
from dataclasses import dataclass, field
from string import digits

from benchmarks.streams import SharedChannel, encode_message
from sandbox.replicate.job import Job
from sandbox.replicate.prediction import Prediction
from sandbox.replicate.streams import EventId, StreamMessage

TICKS_PER_SECOND = 30  # one token per stream and tick
_GROUPS = 10
_MARK = "Q"
_DIGITS = digits + "abcdefghijklmnopqrstuvwxyz"
_TOKEN = re.compile(rf"{_MARK}([0-9a-z]{{3}})(?![0-9a-z])")


def encode_tick(tick: int) -> str:
    """Return the token of a tick: five characters, the average of a language model's tokens."""
    return f" {_MARK}{_DIGITS[tick // 1296 % 36]}{_DIGITS[tick // 36 % 36]}{_DIGITS[tick % 36]}"


def newest_tick(text: str) -> int | None:
    """Return the tick of the last token in a text."""
    end = len(text)
    while (at := text.rfind(_MARK, 0, end)) >= 0:
        if (match := _TOKEN.match(text, at)) is not None:
            return int(match[1], 36)
        end = at
    return None


@dataclass(slots=True, eq=False)
class TokenStream:
    """A text stream that is being written; ``remaining`` tokens are to come."""

    channel: SharedChannel
    remaining: int
    finished: "asyncio.Future[None]"
    output: list[str] = field(default_factory=list)


class TokenClock:
    """Writes a token in every ``every``-th tick to each open stream; ``events`` counts all of them.

    ``lag`` is how late the latest tick of the last moments was, in seconds.
    """

    def __init__(self) -> None:
        self.events = 0
        self.every = 1
        self.lag = 0.0
        self._groups: list[list[TokenStream]] = [[] for _ in range(_GROUPS)]
        self._times: list[float] = []  # when each step, one group in one tick, was written
        self._last_event_id = (0, 0)
        self._last_group = 0
        self._timer: asyncio.TimerHandle | None = None
        self._started_at = 0.0

    def start(self) -> None:
        self._started_at = asyncio.get_running_loop().time()
        self._run_due_steps()

    def stop(self) -> None:
        """Stop the timer; open streams stay unfinished."""
        if self._timer is not None:
            self._timer.cancel()

    def written_at(self, tick: int, group: int) -> float | None:
        """Return when the token of a tick was written, or None if it is yet to come."""
        step = tick * _GROUPS + group
        return self._times[step] if step < len(self._times) else None

    def next_group(self) -> int:
        """Return the group of the next stream."""
        self._last_group += 1
        return self._last_group % _GROUPS

    async def write_tokens(self, prediction: Prediction, tokens: int, group: int) -> None:
        """Write ``tokens`` tokens to a prediction's stream; return when the last is written."""
        if not isinstance(prediction.channel, SharedChannel):
            raise TypeError("The prediction's stream is not served by SharedStreams.")
        stream = TokenStream(prediction.channel, tokens, asyncio.get_running_loop().create_future())
        prediction.output = stream.output
        self._groups[group].append(stream)
        try:
            await stream.finished
        finally:
            if stream in self._groups[group]:
                self._groups[group].remove(stream)

    def _run_due_steps(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        interval = 1 / (TICKS_PER_SECOND * _GROUPS)
        due = self._started_at + len(self._times) * interval
        self.lag = max(self.lag * 0.999, now - due)
        while due <= now:
            self._run_step(len(self._times))
            due = self._started_at + len(self._times) * interval
        self._timer = loop.call_at(due, self._run_due_steps)

    def _run_step(self, step: int) -> None:
        tick, group = divmod(step, _GROUPS)
        self._times.append(time.monotonic())
        streams = self._groups[group]
        if not streams or (tick + group) % self.every:
            return
        token = encode_tick(tick)
        message = self._create_message(token)
        encoded = encode_message(message)
        finished = []
        for stream in streams:
            stream.output.append(token)
            stream.channel.share(message, encoded)
            stream.remaining -= 1
            if stream.remaining <= 0:
                finished.append(stream)
        self.events += len(streams)
        for stream in finished:
            streams.remove(stream)
            if not stream.finished.done():
                stream.finished.set_result(None)

    def _create_message(self, token: str) -> StreamMessage:
        second, tag = int(time.time()), 0
        if self._last_event_id[0] >= second:
            second, tag = self._last_event_id[0], self._last_event_id[1] + 1
        self._last_event_id = second, tag
        return StreamMessage(EventId(second, tag), "output", token)


def run_number(job: Job) -> int:
    """Return the number at the end of the prompt."""
    return int(str(job.input.get("prompt", "0")).rsplit(" ", 1)[-1])
