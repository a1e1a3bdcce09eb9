"""A server's rules in words, as cards, forms, the history and refusals share them."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

from bot.formatting import join_facts
from bot.language import _, ngettext
from bot.limits import REFUSED_WORD_CHARS, REFUSED_WORDS
from bot.money.amounts import format_dollars
from bot.rules.server_rules import CommandRule, Delivery, LogLine, RoleLimits, Section
from bot.store.errors import QuotaExceeded, QuotaKind
from bot.ui.render.markdown import escape, one_line

_WORDS_SHOWN: Final = 5
_WORD_CHARS: Final = 30


def explain_server_quota(exceeded: QuotaExceeded) -> str:
    """Return which limit of the server's own a person has reached, and when they can start the next run."""
    if exceeded.kind is QuotaKind.ACTIVE:
        if exceeded.limit == 0:
            return _("You can't start runs in this server. See what you can use with /server show.")
        return ngettext(
            "You can have {count} run in progress in this server. Wait for it to finish, or stop it with ❌.",
            "You can have {count} runs in progress in this server. Wait for one to finish, or stop one with ❌.",
            exceeded.limit,
        ).format(count=exceeded.limit)
    if exceeded.retry_at is None:
        return _("You can't start runs in this server. See what you can use with /server show.")
    return ngettext(
        "You've reached this server's limit of {count} run in 24 hours. You can start the next one {when}.",
        "You've reached this server's limit of {count} runs in 24 hours. You can start the next one {when}.",
        exceeded.limit,
    ).format(count=exceeded.limit, when=f"<t:{math.ceil(exceeded.retry_at.timestamp())}:R>")


def describe_rule(rule: CommandRule, *, channel: Callable[[int], str], role: Callable[[int], str]) -> str:
    """Return where and for whom a command is; ``channel`` and ``role`` name one."""
    if not rule.enabled:
        return _("off")
    facts = []
    if rule.channels:
        facts.append(_("only in {channels}").format(channels=_names(map(channel, sorted(rule.channels)))))
    if rule.roles:
        facts.append(_("for {roles}").format(roles=_names(map(role, sorted(rule.roles)))))
    if rule.age_restricted:
        facts.append(_("age-restricted"))
    return join_facts(*facts) or _("everywhere, for everybody")


def describe_limits(limits: RoleLimits) -> Iterator[str]:
    """Yield each number of a role's limits."""
    if limits.at_once is not None:
        yield _("{count} at once").format(count=limits.at_once)
    if limits.per_day is not None:
        yield _("{count} in 24 hours").format(count=limits.per_day)
    if limits.month_micro_dollars is not None:
        yield _("{sum} a month").format(sum=format_dollars(limits.month_micro_dollars))
    if limits.outputs is not None:
        yield ngettext("{count} output", "{count} outputs", limits.outputs).format(count=limits.outputs)


def delivery_words() -> Mapping[Delivery, tuple[str, str]]:
    """Return the name of each place for results, and what it means."""
    return {
        Delivery.PUBLIC: (_("In the channel"), _("Everybody sees the result where the command was used.")),
        Delivery.THREAD: (_("In a thread"), _("Each person has a thread in the channel for their results.")),
        Delivery.PRIVATE: (_("In private"), _("Only the person who used the command sees the result.")),
    }


def log_line_words() -> Mapping[LogLine, tuple[str, str]]:
    """Return the name of each kind of line in the log, and what it tells."""
    return {
        LogLine.RUNS: (_("Runs"), _("Each finished run, with who started it")),
        LogLine.REFUSALS: (_("Refusals"), _("What these rules refused, and to whom")),
        LogLine.CHANGES: (_("Changes"), _("Each change of these rules")),
        LogLine.BLOCKS: (_("Blocks"), _("Who was blocked, by whom and until when")),
        LogLine.BUDGETS: (_("Budgets"), _("When most of a budget is spent")),
    }


def section_words() -> Mapping[str, str]:
    """Return the name of each section."""
    return {
        Section.COMMANDS: _("Commands"),
        Section.LIMITS: _("Limits"),
        Section.RESULTS: _("Results"),
        Section.SAFETY: _("Safety"),
        Section.PEOPLE: _("People"),
        Section.GALLERY: _("Gallery"),
        Section.LOG: _("Log"),
    }


def _names(names: Iterable[str]) -> str:
    return ", ".join(names)


def result_in_thread(thread: int) -> str:
    """Return where a result will be."""
    return _("Your result will be in {thread}.").format(thread=f"<#{thread}>")


def keeps_covered() -> str:
    """Return why a result cannot be uncovered."""
    return _("This server keeps pictures behind a spoiler.")


def describe_unusable_words(words: Sequence[str]) -> str:
    """Return which refused words of a form were not saved, and why."""
    shown = [escape(one_line(word, _WORD_CHARS)) for word in words[:_WORDS_SHOWN]]
    if len(words) > _WORDS_SHOWN:
        more = len(words) - _WORDS_SHOWN
        shown.append(ngettext("{count} more", "{count} more", more).format(count=more))
    return _(
        "Saved without {words}. A refused word needs a letter or a digit and has at most {chars} characters, "
        "and a server has at most {most}."
    ).format(words=", ".join(shown), chars=REFUSED_WORD_CHARS, most=REFUSED_WORDS)
