"""Changes of a server's rules in words, for the history and the log."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from bot.formatting import format_duration, inside_sentence, join_facts
from bot.language import _, ngettext
from bot.money.amounts import format_dollars
from bot.rules.server_rules import EVERY_COMMAND, CommandRule, LogLine, RoleLimits, ServerRules
from bot.rules.stored import rules_from_json
from bot.store.models import Run, RunState
from bot.store.server_rules import ServerChange
from bot.ui.render.cards import message_url
from bot.ui.render.markdown import escape, format_name, format_timestamp, one_line
from bot.ui.render.server_words import (
    delivery_words,
    describe_limits,
    describe_rule,
    log_line_words,
    section_words,
)
from bot.visibility import Visibility

_LINES: Final = 6  # of one change
_REASON_CHARS: Final = 120


def describe_change(change: ServerChange, *, when: bool = True) -> str:
    """Return who changed what, and each value before and after; ``when`` begins with the time."""
    who = _("somebody") if change.by_id is None else f"<@{change.by_id}>"
    section = section_words().get(change.section, escape(one_line(change.section, 20)))
    head = join_facts(format_timestamp(change.changed_at) if when else "", who, f"**{section}**")
    lines = _describe_block(change) if change.section == "people" else list(_differences(change))
    return "\n".join([head, *(f"-# {line}" for line in lines[:_LINES])])


def describe_run(run: Run) -> str:
    """Return that a run is over: whose it was, how it ended, how long it took and what it cost."""
    states = {
        RunState.SUCCEEDED: _("done"),
        RunState.FAILED: _("failed"),
        RunState.CANCELED: _("stopped"),
        RunState.ABORTED: _("ended early"),
    }
    seconds = "" if run.ended_at is None else format_duration(run.ended_at - run.created_at)
    cost = "" if run.cost is None else format_dollars(run.cost)
    link = "" if run.visibility is Visibility.PRIVATE else "[" + _("open") + f"]({message_url(run.place)})"
    name = f"**{format_name(run.author_name)}**"
    return join_facts(name, f"/{escape(run.command)}", states.get(run.state, ""), seconds, cost, link)


def _describe_block(change: ServerChange) -> list[str]:
    person = _("somebody") if change.subject_id is None else f"<@{change.subject_id}>"
    if not change.after:
        return [_("lifted the block of {person}").format(person=person)] if change.before else []
    until = change.after.get("until")
    line = (
        _("blocked {person} for good").format(person=person)
        if until is None
        else _("blocked {person} until {when}").format(
            person=person, when=format_timestamp(datetime.fromisoformat(str(until)), "f")
        )
    )
    reason = escape(one_line(str(change.after.get("reason") or ""), _REASON_CHARS))
    return [line, *([reason] if reason else [])]


def _differences(change: ServerChange) -> Iterator[str]:
    """Yield a line for each value that changed."""
    old, new = rules_from_json(change.before), rules_from_json(change.after)
    if "commands" in change.after:
        yield from _entries(old.commands, new.commands, _command_title, _rule_words)
    if "limits" in change.after:
        yield from _entries(old.limits, new.limits, lambda role: _role_title(role, change.guild_id), _limit_words)
    for name, (title, describe) in _values().items():
        if name in change.after:
            yield _line(title, describe(old), describe(new))


def _values() -> Mapping[str, tuple[str, Callable[[ServerRules], str]]]:
    return {
        "delivery": (_("shown"), lambda rules: inside_sentence(delivery_words()[rules.delivery][0])),
        "spoiler": (_("spoiler"), lambda rules: _on(rules.spoiler)),
        "refused_words": (_("refused words"), lambda rules: _count_words(rules.refused_words)),
        "checker": (_("pictures checked with"), lambda rules: _command(rules.checker)),
        "gallery_channel_id": (_("gallery"), lambda rules: _channel(rules.gallery_channel_id)),
        "gallery_stars": (_("stars"), lambda rules: str(rules.gallery_stars)),
        "log_channel_id": (_("log"), lambda rules: _channel(rules.log_channel_id)),
        "log_lines": (_("lines"), _log_lines),
        "log_prompts": (_("prompts"), lambda rules: _on(rules.log_prompts)),
    }


def _entries(
    old: Mapping[Any, Any], new: Mapping[Any, Any], title: Callable[[Any], str], describe: Callable[[Any], str]
) -> Iterator[str]:
    for key in sorted({*old, *new}):
        if old.get(key) != new.get(key):
            yield _line(title(key), describe(old.get(key)), describe(new.get(key)))


def _line(title: str, old: str, new: str) -> str:
    return _("{name}: {before} → {after}").format(name=title, before=old, after=new)


def _command_title(name: str) -> str:
    return _("every other command") if name == EVERY_COMMAND else f"/{escape(name)}"


def _rule_words(rule: CommandRule | None) -> str:
    return _("no rule") if rule is None else describe_rule(rule, channel=_channel, role=_role_title)


def _role_title(role: int, guild_id: int | None = None) -> str:
    return _("everyone") if role == guild_id else f"<@&{role}>"


def _limit_words(limits: RoleLimits | None) -> str:
    return _("no limits") if limits is None else join_facts(*describe_limits(limits))


def _on(value: bool) -> str:  # noqa: FBT001  # the value that is told
    return _("on") if value else _("off")


def _count_words(words: tuple[str, ...]) -> str:
    return ngettext("{count} word", "{count} words", len(words)).format(count=len(words))


def _command(name: str | None) -> str:
    return _("nothing") if name is None else f"/{escape(one_line(name, 32))}"


def _channel(channel: int | None) -> str:
    return _("off") if channel is None else f"<#{channel}>"


def _log_lines(rules: ServerRules) -> str:
    names = log_line_words()
    return ", ".join(inside_sentence(names[line][0]) for line in LogLine if line in rules.log_lines) or _("none")
