"""The rules of one server, as whoever manages it has set them.

A server without rules has ``ServerRules()``, which allows everything that the bot's operator allows. Roles and channels
are Discord's ids; the role of everybody has the server's own id.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

EVERY_COMMAND: Final = "*"  # the rule for commands that have none of their own; no command can have this name


class Delivery(StrEnum):
    """Where results are shown."""

    PUBLIC = "public"
    THREAD = "thread"  # a thread of the channel, one for each person
    PRIVATE = "private"


class LogLine(StrEnum):
    """A kind of line in the log channel."""

    RUNS = "runs"
    REFUSALS = "refusals"
    CHANGES = "changes"
    BLOCKS = "blocks"
    BUDGETS = "budgets"


class Section(StrEnum):
    """A part of the rules, edited by itself."""

    COMMANDS = "commands"
    LIMITS = "limits"
    RESULTS = "results"
    SAFETY = "safety"
    PEOPLE = "people"  # blocks, which are rows of their own
    GALLERY = "gallery"
    LOG = "log"


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandRule:
    """Who may use a command, and where. No channels: everywhere. No roles: everybody.

    A channel stands for its threads, too. ``age_restricted``: only in channels that Discord shows to adults.
    """

    enabled: bool = True
    channels: frozenset[int] = frozenset()
    roles: frozenset[int] = frozenset()
    age_restricted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleLimits:
    """What people with a role may use in this server; None where the role says nothing.

    ``at_once`` and ``per_day`` are numbers of runs, ``month_micro_dollars`` is a sum in millionths of a dollar a month
    (UTC), ``outputs`` the most outputs of one run.
    """

    at_once: int | None = None
    per_day: int | None = None
    month_micro_dollars: int | None = None
    outputs: int | None = None

    @property
    def is_empty(self) -> bool:
        return self == RoleLimits()


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerRules:
    """Everything that a server can set.

    ``commands`` are rules by command, EVERY_COMMAND for the others. ``limits`` are by role. ``refused_words`` are as
    people wrote them. ``checker`` is the command that looks at pictures before they are shown. ``gallery_stars`` is how
    many other people's stars copy a result into ``gallery_channel_id``.
    """

    commands: Mapping[str, CommandRule] = field(default_factory=dict)
    limits: Mapping[int, RoleLimits] = field(default_factory=dict)
    delivery: Delivery = Delivery.PUBLIC
    spoiler: bool = False
    refused_words: tuple[str, ...] = ()
    checker: str | None = None
    gallery_channel_id: int | None = None
    gallery_stars: int = 3
    log_channel_id: int | None = None
    log_lines: frozenset[LogLine] = frozenset(LogLine) - {LogLine.RUNS}
    log_prompts: bool = False

    def command_rule(self, name: str) -> CommandRule:
        """Return the rule that a command is under."""
        return self.commands.get(name) or self.commands.get(EVERY_COMMAND) or CommandRule()

    def with_command(self, name: str, rule: CommandRule) -> "ServerRules":
        """Return the rules with one for a command; a rule that says what would hold without it is not kept."""
        others = {key: value for key, value in self.commands.items() if key != name}
        without = replace(self, commands=others)
        return without if without.command_rule(name) == rule else replace(self, commands={**others, name: rule})

    def with_limits(self, role_id: int, limits: RoleLimits) -> "ServerRules":
        """Return the rules with the limits of a role; empty ones are not kept."""
        others = {key: value for key, value in self.limits.items() if key != role_id}
        return replace(self, limits=others if limits.is_empty else {**others, role_id: limits})


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownPlaces:
    """The roles and channels that exist in a server."""

    roles: frozenset[int]
    channels: frozenset[int]


def find_gone(rules: ServerRules, known: KnownPlaces) -> tuple[frozenset[int], frozenset[int]]:
    """Return the roles and the channels in the rules that no longer exist."""
    roles: set[int] = set(rules.limits)
    channels: set[int] = set(filter(None, [rules.gallery_channel_id, rules.log_channel_id]))
    for rule in rules.commands.values():
        roles |= rule.roles
        channels |= rule.channels
    return frozenset(roles - known.roles), frozenset(channels - known.channels)


def leave_out_gone(rules: ServerRules, known: KnownPlaces) -> ServerRules:
    """Return the rules without the roles and channels that no longer exist: what is left decides."""
    gallery, log = rules.gallery_channel_id, rules.log_channel_id
    return replace(
        rules,
        commands={
            name: replace(rule, channels=rule.channels & known.channels, roles=rule.roles & known.roles)
            for name, rule in rules.commands.items()
        },
        limits={role: limits for role, limits in rules.limits.items() if role in known.roles},
        gallery_channel_id=gallery if gallery in known.channels else None,
        log_channel_id=log if log in known.channels else None,
    )


def most_generous(rules: ServerRules, roles: Iterable[int]) -> RoleLimits:
    """Return the limits of somebody with these roles: for each number the highest of those that a role says."""
    own = [rules.limits[role] for role in roles if role in rules.limits]
    return RoleLimits(
        at_once=_highest(limits.at_once for limits in own),
        per_day=_highest(limits.per_day for limits in own),
        month_micro_dollars=_highest(limits.month_micro_dollars for limits in own),
        outputs=_highest(limits.outputs for limits in own),
    )


def _highest(numbers: Iterable[int | None]) -> int | None:
    return max((number for number in numbers if number is not None), default=None)
