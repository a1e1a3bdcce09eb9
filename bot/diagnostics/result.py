"""CheckResult: one line of the self-check."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What was checked, and if it failed, how to fix it."""

    passed: bool
    sentence: str

    def __str__(self) -> str:
        return f"{'✓' if self.passed else '✗'} {self.sentence}"


Report = Callable[[CheckResult], None]
"""Called with each result as soon as it is known."""


def passed(sentence: str) -> CheckResult:
    return CheckResult(passed=True, sentence=sentence)


def failed(sentence: str) -> CheckResult:
    return CheckResult(passed=False, sentence=sentence)


def join_names(names: Sequence[str], *, limit: int = 12) -> str:
    """Return names as in a sentence: "a, b and c", "a, b and 7 more", "none"."""
    shown = [*names[:limit], f"{len(names) - limit} more"] if len(names) > limit else list(names)
    return " and ".join(part for part in (", ".join(shown[:-1]), shown[-1]) if part) if shown else "none"
