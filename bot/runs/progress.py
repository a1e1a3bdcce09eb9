"""Read what a model's logs tell of a run: its progress, and the seed that was used.

Most models write tqdm bars (``" 75%|███████▌  | 3/4 [00:03<00:01,  1.15s/it]"``), some bare counts (``"12 /    400"``),
between other output, with colors and carriage returns. One output may take several bars, one after another. Bars of
downloads and of loading are ignored.
"""

import re
from dataclasses import dataclass
from typing import Final

from bot.limits import LOG_CHARS_READ, LOG_LINE_CHARS, STEP_DIGITS

_COLOR: Final = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_STEP: Final = rf"(?P<step>\d{{1,{STEP_DIGITS}}})"
_STEPS: Final = rf"(?P<steps>\d{{1,{STEP_DIGITS}}})"
_BAR: Final = re.compile(rf"^(?P<label>[^|%]*?)\d{{1,3}}%\|[^|]*\|\s*{_STEP}/{_STEPS}\s*\[(?P<rate>[^\]]*)", re.ASCII)
_COUNT: Final = re.compile(rf"^\s*{_STEP}\s*/\s*{_STEPS}\s*$", re.ASCII)
_IGNORED_LABELS: Final = re.compile(r"download|fetch|load|upload|total", re.IGNORECASE)
_BYTES_PER_SECOND: Final = re.compile(r"\d?[kMGT]?i?B/s")
# "Using seed: 123", "seed=123", "Seed set to 123", "random seed 123", '"seed": 123'. No name that only ends with seed,
# no part of a longer number, and no -1, which asks for a random one.
# Blanks are bounded: a model that writes megabytes of them must not hold up the bot.
_SEED: Final = re.compile(
    r"(?<![\w.-])seed[\"']?(?:[ \t]{1,4}(?:is|was|set[ \t]to|to|used))?"
    r"[ \t]{0,4}[:=]?[ \t]{0,4}(?P<seed>\d{1,19})(?![\w.])",
    re.ASCII | re.IGNORECASE,
)
_LARGEST_SEED: Final = 2**63 - 1  # of the column


@dataclass(frozen=True, slots=True)
class LogProgress:
    """The newest progress bar. ``bars`` is how many bars were completed before it."""

    step: int
    steps: int
    bars: int


class LogReader:
    """Reads growing logs, each line once."""

    def __init__(self) -> None:
        self._chars_read = 0
        self.step: LogProgress | None = None

    def read(self, logs: str) -> None:
        """Read the logs as they are now; ``step`` is then the newest bar, None if there was none so far."""
        if len(logs) <= self._chars_read:  # deleted, or older than what was read before
            return
        new = logs[max(self._chars_read, len(logs) - LOG_CHARS_READ) :]
        *lines, rest = re.split(r"[\r\n]", new)
        self._chars_read = len(logs) - len(rest)
        for line in lines:
            self._update(_parse_line(line))
        self._update(_parse_line(rest, is_complete=False))

    def _update(self, count: tuple[int, int] | None) -> None:
        if count is None:
            return
        step, steps = count
        before = self.step
        if before is None:
            self.step = LogProgress(step, steps, 0)
        elif steps == before.steps and step >= before.step:
            self.step = LogProgress(step, steps, before.bars)
        elif steps != before.steps or step == 0 or before.step == before.steps:
            self.step = LogProgress(step, steps, before.bars + 1)


class ProgressEstimator:
    """Estimates the progress of the whole run; it never decreases.

    How many bars one output takes is learned from the outputs that are done.
    """

    def __init__(self) -> None:
        self._done = 0
        self._work_when_done = 0.0
        self._fraction = 0.0

    def read(self, step: LogProgress | None, *, done: int, total: int | None) -> float | None:
        """Return the fraction (0 to 1) of ``total`` outputs, None if it is unknown."""
        work = step.bars + step.step / step.steps if step else 0.0
        if done > self._done:
            self._done, self._work_when_done = done, work
        if not total or (step is None and not done):
            return None
        bars_per_output = max(1.0, self._work_when_done / self._done) if self._done else 1.0
        current = min(1.0, max(0.0, work - self._work_when_done) / bars_per_output)
        self._fraction = min(1.0, max(self._fraction, (self._done + current) / total))
        return self._fraction


def _parse_line(line: str, *, is_complete: bool = True) -> tuple[int, int] | None:
    """Return (step, steps) of a line that counts the model's work; None if it does not."""
    if len(line) > LOG_LINE_CHARS:
        return None
    line = _COLOR.sub("", line)
    match = _BAR.match(line)
    if match is not None:
        if _IGNORED_LABELS.search(match["label"]) or _BYTES_PER_SECOND.search(match["rate"]):
            return None
    elif is_complete:  # else a bare count may still grow by a digit
        match = _COUNT.match(line)
    if match is None:
        return None
    step, steps = int(match["step"]), int(match["steps"])
    return (step, steps) if steps > 0 and step <= steps else None


def find_seed(logs: str) -> int | None:
    """Return the first seed that the logs name, also one that a person gave; None if they name none."""
    for match in _SEED.finditer(logs):
        if (seed := int(match["seed"])) <= _LARGEST_SEED:
            return seed
    return None
