"""Decide what a server's rules say about a run: a pure function of the person, the command and the rules."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bot.actor import Actor
from bot.errors import Refused
from bot.language import _, ngettext
from bot.rules.refused_words import find_refused_word
from bot.rules.server_rules import CommandRule, Delivery, RoleLimits, ServerRules, most_generous
from bot.visibility import Visibility


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Somebody may start no run in a server. ``until`` is None for good; ``reason`` is Markdown that they may read."""

    until: datetime | None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSituation:
    """A server's rules, without what is gone, and whether the person is blocked there. ``guild_id`` is the server."""

    guild_id: int
    rules: ServerRules = field(default_factory=ServerRules)
    block: Block | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTerms:
    """How a run that may start is treated because of where it is.

    ``limits`` are the person's in the server ``guild_id``; None of a number is no limit of the server's. The result
    shows no more than ``visibility``, and is in a thread if ``in_thread``. ``checker`` is the command that looks at its
    pictures before they are shown.
    """

    guild_id: int | None = None
    limits: RoleLimits = field(default_factory=RoleLimits)
    visibility: Visibility = Visibility.PUBLIC
    in_thread: bool = False
    checker: str | None = None


def apply_server_rules(
    actor: Actor,
    command: str,
    situation: ServerSituation | None,
    *,
    run_input: Mapping[str, Any] | None = None,
    outputs: int | None = None,
) -> RunTerms:
    """Return the terms of a run of a command; raise Refused if the server does not allow it.

    Outside servers there are no rules but the operator's. ``run_input`` and ``outputs``, the number of outputs that the
    run asks for, are None while they are not known. Somebody who brings the bot along (user install) is under the
    server's commands, safety and blocks; its limits and the place of its results are for its own bot.
    """
    if situation is None:
        return RunTerms()
    rules = situation.rules
    _check_block(situation.block)
    _check_command(actor, command, rules.command_rule(command))
    if run_input is not None and (word := find_refused_word(run_input, rules.refused_words)) is not None:
        name = next(key for key, value in run_input.items() if find_refused_word({key: value}, [word]) is not None)
        sentence = _("“{word}” isn't allowed in this server. Change it and try again.").format(word=_plain(word))
        raise Refused(sentence, about=name)
    covered = Visibility.SPOILER if rules.spoiler else Visibility.PUBLIC
    if not actor.is_bot_member:
        return RunTerms(guild_id=situation.guild_id, visibility=covered, checker=rules.checker)
    limits = most_generous(rules, {situation.guild_id, *actor.roles})
    _check_outputs(outputs, limits.outputs)
    return RunTerms(
        guild_id=situation.guild_id,
        limits=limits,
        visibility=Visibility.PRIVATE if rules.delivery is Delivery.PRIVATE else covered,
        in_thread=rules.delivery is Delivery.THREAD,
        checker=rules.checker,
    )


def _check_block(block: Block | None) -> None:
    if block is None:
        return
    if block.until is None:
        sentence = _("You can't use this bot in this server. Ask its moderators to lift the block.")
    else:
        until = f"<t:{int(block.until.timestamp())}:R>"
        sentence = _("You can't use this bot in this server; the block ends {until}.").format(until=until)
    if block.reason:
        sentence = f"{sentence}\n" + _("Reason: {reason}").format(reason=block.reason)
    raise Refused(sentence)


def _check_command(actor: Actor, command: str, rule: CommandRule) -> None:
    if not rule.enabled:
        raise Refused(
            _("/{command} is switched off in this server. See what you can use with /server show.").format(
                command=command
            )
        )
    if rule.channels and not rule.channels & {actor.channel_id, actor.parent_channel_id}:
        where = ", ".join(f"<#{channel}>" for channel in sorted(rule.channels))
        raise Refused(_("/{command} can't be used here. Use it in {channels}.").format(command=command, channels=where))
    if rule.roles and not rule.roles & actor.roles:
        who = ", ".join(f"<@&{role}>" for role in sorted(rule.roles))
        raise Refused(_("/{command} is only for {roles} in this server.").format(command=command, roles=who))
    if rule.age_restricted and not actor.in_age_restricted:
        raise Refused(
            _("/{command} works only in age-restricted channels. Use it in one of those.").format(command=command)
        )


def _check_outputs(outputs: int | None, most: int | None) -> None:
    if outputs is not None and most is not None and outputs > most:
        raise Refused(
            ngettext(
                "You can make {most} output at a time in this server; this run asks for {outputs}. Ask for fewer.",
                "You can make {most} outputs at a time in this server; this run asks for {outputs}. Ask for fewer.",
                most,
            ).format(most=most, outputs=outputs)
        )


def _plain(word: str) -> str:
    return word.replace("`", "'").replace("*", "").replace("\n", " ")
