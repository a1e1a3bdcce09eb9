"""Observer: who is told what the heart does, to count and to time it."""

from typing import Protocol

from bot.store.models import Run


class Observer(Protocol):
    """Takes note; never waits, never fails. Spans are in seconds."""

    def reserved(self, run: Run) -> None:
        """Note that a run began."""
        ...

    def recovered(self, run: Run, step: str) -> None:
        """Note that a run was picked up after a restart, and what is done with it."""
        ...

    def waited(self, run: Run, took: float) -> None:
        """Note how long a run stood in line before its create request."""
        ...

    def created(self, run: Run, outcome: str, took: float) -> None:
        """Note how a create request went: ok, throttled, unsent, unanswered or refused."""
        ...

    def searched(self, run: Run, *, found: bool) -> None:
        """Note whether a prediction whose create got no answer was found."""
        ...

    def looked(self, *, ok: bool) -> None:
        """Note one GET of a prediction."""
        ...

    def stream_lost(self, run: Run) -> None:
        """Note that a run goes on without its stream."""
        ...

    def ended(self, run: Run) -> None:
        """Note a run's terminal state."""
        ...

    def delivered(self, run: Run, took: float) -> None:
        """Note that the last page is in Discord, ``took`` seconds after the end."""
        ...

    def broke(self, run: Run, error: BaseException) -> None:
        """Note an error that nobody expected; the run was ended because of it."""
        ...


class Silence:
    """An observer that looks away."""

    def reserved(self, run: Run) -> None:
        """Do nothing."""

    def recovered(self, run: Run, step: str) -> None:
        """Do nothing."""

    def waited(self, run: Run, took: float) -> None:
        """Do nothing."""

    def created(self, run: Run, outcome: str, took: float) -> None:
        """Do nothing."""

    def searched(self, run: Run, *, found: bool) -> None:
        """Do nothing."""

    def looked(self, *, ok: bool) -> None:
        """Do nothing."""

    def stream_lost(self, run: Run) -> None:
        """Do nothing."""

    def ended(self, run: Run) -> None:
        """Do nothing."""

    def delivered(self, run: Run, took: float) -> None:
        """Do nothing."""

    def broke(self, run: Run, error: BaseException) -> None:
        """Do nothing."""
