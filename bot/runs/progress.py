"""Progress, read from a model's logs as real models write them.

Most models write tqdm bars (``" 75%|███████▌  | 3/4 [00:03<00:01,  1.15s/it]"``), some bare counts
(``"12 /    400"``); between them stands anything, in colours and with carriage returns. One output may take several
bars, one after another. Bars of downloads and of loading are not about the output and are left out.
"""

import re
from dataclasses import dataclass

_COLOUR = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_BAR = re.compile(r"^(?P<label>[^|%]*?)\d{1,3}%\|[^|]*\|\s*(?P<step>\d+)/(?P<steps>\d+)\s*\[(?P<pace>[^\]]*)")
_COUNT = re.compile(r"^\s*(?P<step>\d+)\s*/\s*(?P<steps>\d+)\s*$")
_NOT_OURS = re.compile(r"download|fetch|load|upload|total", re.IGNORECASE)
_BYTES = re.compile(r"\d?[kMGT]?i?B/s")
_LONGEST = 64 * 1024


@dataclass(frozen=True, slots=True)
class LogProgress:
    """Where the newest bar is. ``bars`` is how many bars were full before it."""

    step: int
    steps: int
    bars: int

    @property
    def worked(self) -> float:
        """The work so far, in bars."""
        return self.bars + self.step / self.steps


class LogReader:
    """Reads logs that grow, each line once."""

    def __init__(self) -> None:
        self._read = 0
        self.step: LogProgress | None = None

    def read(self, logs: str) -> None:
        """Take the logs as they are now; ``step`` is then where the newest bar is, None while there was none."""
        if len(logs) <= self._read:  # removed, or an answer from a moment ago
            return
        fresh = logs[max(self._read, len(logs) - _LONGEST) :]
        *lines, rest = re.split(r"[\r\n]", fresh)
        self._read = len(logs) - len(rest)
        for line in lines:
            self._take(_counted(_COLOUR.sub("", line)))
        self._take(_counted_by_bar(_COLOUR.sub("", rest)))  # a bare count may still grow a digit

    def _take(self, counted: tuple[int, int] | None) -> None:
        if counted is None:
            return
        step, steps = counted
        before = self.step
        if before is None:
            self.step = LogProgress(step, steps, 0)
        elif steps == before.steps and step >= before.step:
            self.step = LogProgress(step, steps, before.bars)
        elif steps != before.steps or step == 0 or before.step == before.steps:
            self.step = LogProgress(step, steps, before.bars + 1)


class ProgressEstimator:
    """Tells how far the whole is; never goes back.

    How many bars one output takes is learned from the outputs that are done.
    """

    def __init__(self) -> None:
        self._done = 0
        self._worked_then = 0.0
        self._fraction = 0.0

    def read(self, step: LogProgress | None, *, done: int, total: int | None) -> float | None:
        """Return the fraction (0 to 1) of ``total`` outputs, None when nothing tells."""
        worked = step.worked if step else 0.0
        if done > self._done:
            self._done, self._worked_then = done, worked
        if not total or (step is None and not done):
            return None
        bars_each = max(1.0, self._worked_then / self._done) if self._done else 1.0
        within = min(1.0, max(0.0, worked - self._worked_then) / bars_each)
        self._fraction = min(1.0, max(self._fraction, (self._done + within) / total))
        return self._fraction


def _counted(line: str) -> tuple[int, int] | None:
    """Return (step, steps) of a line that counts the model's work."""
    return _counted_by_bar(line) or _checked(_COUNT.match(line))


def _counted_by_bar(line: str) -> tuple[int, int] | None:
    found = _BAR.match(line)
    if found is None or _NOT_OURS.search(found["label"]) or _BYTES.search(found["pace"]):
        return None
    return _checked(found)


def _checked(found: re.Match[str] | None) -> tuple[int, int] | None:
    if found is None:
        return None
    step, steps = int(found["step"]), int(found["steps"])
    return (step, steps) if steps > 0 and step <= steps else None
