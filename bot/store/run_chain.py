"""A run as one step of a chain: what all of its steps are, and what the earlier ones have made.

It is a column of the run, so that whoever reads the row can draw the card and start the next step.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from bot.money.budgets import BudgetLimit, Owner, Period
from bot.store.quota import ServerQuota


@dataclass(frozen=True, slots=True, kw_only=True)
class StepPlan:
    """What one step asks its model for, decided when the chain was started.

    ``input`` refers to the picture of the step before as ``file:0``; ``picture`` is the name of that input for people,
    and ``accepts`` are the types that it takes. Both are empty for the first step. The rest is as in a ``Run``.
    """

    command: str
    target: str
    input: Mapping[str, Any]
    output_schema: Mapping[str, Any] = field(repr=False)
    prompt: str | None = None
    summary: str = ""
    expected: int | None = None
    picture: str = ""
    accepts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierStep:
    """A step that succeeded. ``picture`` is the file name, on the card, of what it passed on, "" if it made none.

    ``attachment_id`` is that of the picture, None if it is not known.
    """

    run_id: str
    seconds: float
    picture: str
    attachment_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunChain:
    """The chain that a run is step ``number`` of, counting from 1; ``earlier`` are the steps before it.

    ``id`` is the id of the first step's run. ``name`` is the chain's, as people see it. ``prompt`` is what the person
    asked for, and ``began_at`` when. ``server`` and ``limits`` are the limits and the budgets of the server that it is
    in, as they were then.
    """

    id: str
    name: str
    number: int
    steps: tuple[StepPlan, ...]
    prompt: str | None
    began_at: datetime
    earlier: tuple[EarlierStep, ...] = ()
    server: ServerQuota | None = None
    limits: tuple[BudgetLimit, ...] = ()

    @property
    def command(self) -> str | None:
        """The name of the command that the chain is; None for one that somebody saved."""
        return self.name[1:] if self.name.startswith("/") else None

    @property
    def is_last(self) -> bool:
        return self.number >= len(self.steps)

    @property
    def next_run_id(self) -> str:
        """The id of the next step's run: known before it exists, so that it cannot exist twice."""
        return f"{self.id}-{self.number + 1}"


def chain_to_json(chain: RunChain | None) -> Any:
    """Return the chain as the column ``chain`` has it."""
    if chain is None:
        return None
    return {
        "id": chain.id,
        "name": chain.name,
        "number": chain.number,
        "prompt": chain.prompt,
        "began_at": chain.began_at.isoformat(),
        "server": asdict(chain.server) if chain.server is not None else None,
        "limits": [asdict(limit) for limit in chain.limits],
        "steps": [
            {
                "command": step.command,
                "target": step.target,
                "input": dict(step.input),
                "output_schema": dict(step.output_schema),
                "prompt": step.prompt,
                "summary": step.summary,
                "expected": step.expected,
                "picture": step.picture,
                "accepts": list(step.accepts),
            }
            for step in chain.steps
        ],
        "earlier": [asdict(step) for step in chain.earlier],
    }


def chain_from_json(value: Any) -> RunChain | None:
    """Return the chain of a row."""
    if value is None:
        return None
    steps = tuple(StepPlan(**{**step, "accepts": tuple(step["accepts"])}) for step in value["steps"])
    earlier = tuple(EarlierStep(**step) for step in value["earlier"])
    began_at = datetime.fromisoformat(value["began_at"])
    server = ServerQuota(**value["server"]) if value["server"] is not None else None
    limits = tuple(
        BudgetLimit(**{**limit, "period": Period(limit["period"]), "owner": Owner(limit["owner"])})
        for limit in value["limits"]
    )
    parts = {"steps": steps, "earlier": earlier, "began_at": began_at, "server": server, "limits": limits}
    return RunChain(**{**value, **parts})
