"""Finding: one line of the doctor's: what was looked at, and where it is wrong, the sentence that mends it."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What was found. ``good``: nothing to do."""

    good: bool
    sentence: str

    def __str__(self) -> str:
        return f"{'✓' if self.good else '✗'} {self.sentence}"


Report = Callable[[CheckResult], None]
"""Takes a finding the moment it is there."""


def ok(sentence: str) -> CheckResult:
    """Return that something is as it should be."""
    return CheckResult(good=True, sentence=sentence)


def failed(sentence: str) -> CheckResult:
    """Return that something has to be mended; the sentence says how."""
    return CheckResult(good=False, sentence=sentence)


def listed(names: list[str] | tuple[str, ...], *, most: int = 12) -> str:
    """Return names as a sentence has them: "a, b and c"."""
    shown = [*names[:most], f"{len(names) - most} more"] if len(names) > most else list(names)
    return " and ".join(part for part in (", ".join(shown[:-1]), shown[-1]) if part) if shown else "none"
