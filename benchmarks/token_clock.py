"""The metronome: what all models of the benchmark write, and when.

One timer serves all streams. They are dealt into groups that follow one another within a beat, so that not everything
arrives at the same moment. A token is its beat's number, so what is visible tells how old it is.
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

TOKENS_PER_SECOND = 30  # a second, and so many tokens
_GROUPS = 10
_MARK = "Q"
_DIGITS = digits + "abcdefghijklmnopqrstuvwxyz"
_TOKEN = re.compile(rf"{_MARK}([0-9a-z]{{3}})(?![0-9a-z])")


def token_of(beat: int) -> str:
    """Return what is written in a beat: five characters, as a language model's tokens are on average."""
    return f" {_MARK}{_DIGITS[beat // 1296 % 36]}{_DIGITS[beat // 36 % 36]}{_DIGITS[beat % 36]}"


def newest_token(text: str) -> int | None:
    """Return the beat of the last token in a text."""
    end = len(text)
    while (at := text.rfind(_MARK, 0, end)) >= 0:
        if (match := _TOKEN.match(text, at)) is not None:
            return int(match[1], 36)
        end = at
    return None


@dataclass(slots=True, eq=False)
class TokenStream:
    """One text stream being written. ``first`` and ``last`` are its beats so far; ``group`` its place in a beat."""

    prediction: Prediction
    channel: SharedChannel
    left: int
    group: int
    over: "asyncio.Future[None]"
    output: list[str] = field(default_factory=list)


class TokenClock:
    """Writes a token a beat to every stream that plays. ``events`` counts all of them."""

    def __init__(self) -> None:
        self.events = 0
        self.lag = 0.0  # how late the latest beat of the last moments was, in seconds
        self._groups: list[list[TokenStream]] = [[] for _ in range(_GROUPS)]
        self._times: list[float] = []  # when each step, a beat of one group, was written
        self._second = (0, 0)
        self._dealt = 0
        self._timer: asyncio.TimerHandle | None = None
        self._began = 0.0

    def start(self) -> None:
        """Begin to beat."""
        self._began = asyncio.get_running_loop().time()
        self._step()

    def stop(self) -> None:
        """Stop; streams that play stay as they are."""
        if self._timer is not None:
            self._timer.cancel()

    def written_at(self, beat: int, group: int) -> float | None:
        """Return when the token of a beat was written, None for one that is yet to come."""
        step = beat * _GROUPS + group
        return self._times[step] if step < len(self._times) else None

    def deal(self) -> int:
        """Return the group of the next stream."""
        self._dealt += 1
        return self._dealt % _GROUPS

    async def play(self, prediction: Prediction, tokens: int, group: int) -> None:
        """Write ``tokens`` tokens to a prediction's stream; return when the last is written."""
        if not isinstance(prediction.channel, SharedChannel):
            raise TypeError("This prediction has no stream of the benchmark's kind.")
        player = TokenStream(prediction, prediction.channel, tokens, group, asyncio.get_running_loop().create_future())
        prediction.output = player.output
        self._groups[group].append(player)
        try:
            await player.over
        finally:
            if player in self._groups[group]:
                self._groups[group].remove(player)

    def _step(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        pace = 1 / (TOKENS_PER_SECOND * _GROUPS)
        due = self._began + len(self._times) * pace
        self.lag = max(self.lag * 0.999, now - due)
        while due <= now:
            self._write(len(self._times))
            due = self._began + len(self._times) * pace
        self._timer = loop.call_at(due, self._step)

    def _write(self, step: int) -> None:
        beat, group = divmod(step, _GROUPS)
        self._times.append(time.monotonic())
        players = self._groups[group]
        if not players:
            return
        token = token_of(beat)
        message = self._message(token)
        wire = encode_message(message)
        finished = []
        for player in players:
            player.output.append(token)
            player.channel.share(message, wire)
            player.left -= 1
            if player.left <= 0:
                finished.append(player)
        self.events += len(players)
        for player in finished:
            players.remove(player)
            if not player.over.done():
                player.over.set_result(None)

    def _message(self, token: str) -> StreamMessage:
        second, tag = int(time.time()), 0
        if self._second[0] >= second:
            second, tag = self._second[0], self._second[1] + 1
        self._second = second, tag
        return StreamMessage(EventId(second, tag), "output", token)


def run_number(job: Job) -> int:
    """Return the number that a person put at the end of the prompt."""
    return int(str(job.input.get("prompt", "0")).rsplit(" ", 1)[-1])
