"""CheckResult: one line of the self-check."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What was checked, and if it failed, how to fix it. A warning is passed: the bot works."""

    passed: bool
    sentence: str
    warning: bool = False

    def __str__(self) -> str:
        mark = "!" if self.warning else "✓" if self.passed else "✗"
        return f"{mark} {self.sentence}"


Report = Callable[[CheckResult], None]
"""Called with each result as soon as it is known."""


def passed(sentence: str) -> CheckResult:
    return CheckResult(passed=True, sentence=sentence)


def warned(sentence: str) -> CheckResult:
    return CheckResult(passed=True, sentence=sentence, warning=True)


def failed(sentence: str) -> CheckResult:
    return CheckResult(passed=False, sentence=sentence)


def join_names(names: Sequence[str], *, limit: int = 12) -> str:
    """Return names as in a sentence: "a, b and c", "a, b and 7 more", "none"."""
    shown = [*names[:limit], f"{len(names) - limit} more"] if len(names) > limit else list(names)
    return " and ".join(part for part in (", ".join(shown[:-1]), shown[-1]) if part) if shown else "none"
