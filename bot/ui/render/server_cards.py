"""The private card in which whoever manages a server sets its rules, and what members see of them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import discord
from discord import ui

from bot.command_mentions import mention_command
from bot.formatting import SEPARATOR, inside_sentence, join_facts, truncate_utf16
from bot.language import _, ngettext
from bot.limits import CHOICE_CHARS, SELECT_OPTIONS
from bot.rules.server_rules import (
    EVERY_COMMAND,
    CommandRule,
    Delivery,
    ServerRules,
)
from bot.store.server_rules import BlockRow, ServerChange
from bot.ui.render.cards import Card, Entry, Tone, list_card
from bot.ui.render.markdown import escape, format_timestamp, one_line
from bot.ui.render.server_history import describe_change
from bot.ui.render.server_words import delivery_words, describe_limits, describe_rule, log_line_words
from bot.ui.server_components import CommandSelect, LimitsRoleSelect, ServerAction, ServerButton

LINES_SHOWN: Final = 6  # of a section in the overview
BLOCKS_SHOWN: Final = 8
CHANGES_SHOWN: Final = 10
_SECTION_CHARS: Final = 450
_REASON_CHARS: Final = 120
_PAGE: Final = SELECT_OPTIONS - 1  # commands beside the entry for all others


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerState:
    """What the card shows: the rules as they are stored, and how they meet the server.

    ``gone_roles`` and ``gone_channels`` no longer exist. ``unwritable`` are channels that the bot cannot post in,
    ``threadless`` those in which it cannot open threads. ``commands`` are the names of all commands, ``checkers`` of
    those that can look at pictures.
    """

    guild_id: int
    rules: ServerRules
    commands: Sequence[str]
    checkers: Sequence[str]
    blocked: int
    gone_roles: frozenset[int] = frozenset()
    gone_channels: frozenset[int] = frozenset()
    unwritable: frozenset[int] = frozenset()
    threadless: frozenset[int] = frozenset()


def overview_card(state: ServerState) -> Card:
    """Return the card with every section and its button."""
    sections = (
        (ServerAction.COMMANDS, _("Commands"), _describe_commands(state)),
        (ServerAction.LIMITS, _("Limits"), _describe_limits(state)),
        (ServerAction.RESULTS, _("Results"), [_describe_results(state)]),
        (ServerAction.SAFETY, _("Safety"), _describe_safety(state)),
        (ServerAction.PEOPLE, _("People"), [_describe_blocked(state.blocked)]),
        (ServerAction.GALLERY, _("Gallery"), _describe_gallery(state)),
        (ServerAction.LOG, _("Log"), _describe_log(state)),
    )
    entries = [
        Entry(text=_section_text(title, lines), button=_edit_button(action, title)) for action, title, lines in sections
    ]
    return list_card(
        _("Server rules"),
        entries,
        footer="-# " + _("Changes hold from the next run on. Members see what they can use with `/server show`."),
        buttons=[ServerButton(ServerAction.HISTORY, label=_("History"))],
    )


def commands_card(state: ServerState, *, page: int = 0) -> Card:
    """Return the card that lists the rules of commands and asks which to edit; ``page`` counts from 0."""
    names = list(state.commands)
    pages = max(1, -(-len(names) // _PAGE))
    page = min(page, pages - 1)
    shown = names[page * _PAGE : (page + 1) * _PAGE]
    options = [
        discord.SelectOption(
            label=_("Every other command"),
            value=EVERY_COMMAND,
            description=_("The rule for commands without one of their own"),
        ),
        *(discord.SelectOption(label=f"/{name}"[:CHOICE_CHARS], value=name) for name in shown),
    ]
    items: list[ui.Item[Any]] = [
        ui.TextDisplay(_section_text(_("Commands"), _describe_commands(state, most=2 * LINES_SHOWN), heading=True)),
        ui.ActionRow(CommandSelect(options, placeholder=_("Choose a command"))),
    ]
    buttons: list[ui.Item[Any]] = [_back_button()]
    if pages > 1:
        following = (page + 1) % pages
        buttons.append(ServerButton(ServerAction.COMMANDS, following, label=_("More commands")))
    return Card([*items, ui.ActionRow(*buttons)], Tone.INFO)


def limits_card(state: ServerState) -> Card:
    """Return the card that lists the limits of roles and asks which to edit."""
    rule = _("Somebody with several of these roles gets the most generous number of each. The bot's own limits stay.")
    return Card(
        [
            ui.TextDisplay(_section_text(_("Limits"), _describe_limits(state, most=2 * LINES_SHOWN), heading=True)),
            ui.TextDisplay(f"-# {rule}"),
            ui.ActionRow(LimitsRoleSelect(placeholder=_("Choose a role, or @everyone"))),
            ui.ActionRow(_back_button()),
        ],
        Tone.INFO,
    )


def people_card(blocks: Sequence[BlockRow], *, count: int) -> Card:
    """Return the card of who is blocked; ``count`` is how many there are."""
    entries = [
        Entry(
            text=_describe_block(block),
            button=ServerButton(ServerAction.LIFT, block.user_id, label=_("Lift")),
        )
        for block in blocks[:BLOCKS_SHOWN]
    ]
    hidden = count - len(entries)
    more = ngettext("… and {count} more person.", "… and {count} more people.", hidden).format(count=hidden)
    buttons = [_back_button(), ServerButton(ServerAction.BLOCK, label=_("Block somebody"))]
    if hidden > 0:
        buttons.append(ServerButton(ServerAction.LIFT, label=_("Lift by name")))
    return list_card(
        _("People"),
        entries,
        intro=_("Whoever is blocked starts no runs here. A run in progress goes on.") if count else _no_blocks(),
        footer=f"-# {more}" if hidden > 0 else "",
        buttons=buttons,
    )


def history_card(changes: Sequence[ServerChange]) -> Card:
    """Return the card of the newest changes."""
    return list_card(
        _("History"),
        [Entry(text=describe_change(change)) for change in changes[:CHANGES_SHOWN]],
        intro="" if changes else _("Nothing has been changed yet."),
        buttons=[_back_button()],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberView:
    """What a member can use in a server.

    ``usable`` are the commands that they may use in this channel, ``refusals`` why not the others. ``used`` and
    ``limits`` are runs at once and in 24 hours, a limit of None is none. ``block`` is the sentence about their block.
    ``money`` are sentences about what is left of the budgets that hold for them here.
    """

    rules: ServerRules
    usable: Sequence[str]
    refusals: Sequence[str]
    active: int
    active_limit: int | None
    today: int
    daily_limit: int | None
    outputs: int | None
    block: str | None = None
    money: Sequence[str] = ()


def member_card(view: MemberView) -> Card:
    """Return what is allowed here, and what is left."""
    if view.block is not None:
        return list_card(_("What you can use here"), [Entry(text=view.block)], tone=Tone.WARNING)
    usable = ", ".join(map(mention_command, view.usable)) or _("No commands in this channel.")
    lines = [
        _labelled(_("Commands"), usable),
        *(f"-# {sentence}" for sentence in view.refusals[:LINES_SHOWN]),
        _labelled(_("Runs"), join_facts(*_describe_left(view))),
    ]
    if view.outputs is not None:
        lines.append(
            _labelled(
                _("Outputs"),
                ngettext("{count} at a time", "{count} at a time", view.outputs).format(count=view.outputs),
            )
        )
    if view.money:
        lines.append(_labelled(_("Money"), "\n".join(view.money)))
    lines.append(_labelled(_("Results"), join_facts(*_result_words(view.rules))))
    if view.rules.refused_words:
        count = len(view.rules.refused_words)
        lines.append(
            _labelled(
                _("Words"),
                ngettext("{count} word is refused in prompts", "{count} words are refused in prompts", count).format(
                    count=count
                ),
            )
        )
    return list_card(_("What you can use here"), [Entry(text="\n".join(lines))])


# Sections in words


def _describe_commands(state: ServerState, *, most: int = LINES_SHOWN) -> list[str]:
    lines = [_describe_rule(state, name, rule) for name, rule in sorted(state.rules.commands.items())]
    return _shorten(lines, most) if lines else [_("Every command, everywhere")]


def _describe_rule(state: ServerState, name: str, rule: CommandRule) -> str:
    title = _("every other command") if name == EVERY_COMMAND else f"/{escape(name)}"
    facts = describe_rule(rule, channel=lambda one: _channel(state, one), role=lambda one: _role(state, one))
    is_gone = name != EVERY_COMMAND and name not in state.commands
    return join_facts(title, facts, _("(no such command)") if is_gone else "")


def _describe_limits(state: ServerState, *, most: int = LINES_SHOWN) -> list[str]:
    lines = [
        join_facts(_role(state, role), *describe_limits(limits)) for role, limits in sorted(state.rules.limits.items())
    ]
    return _shorten(lines, most) if lines else [_("The bot's own limits")]


def _result_words(rules: ServerRules) -> Iterator[str]:
    yield delivery_words()[rules.delivery][0]
    if rules.spoiler:
        yield _("behind a spoiler")


def _describe_results(state: ServerState) -> str:
    line = join_facts(*_result_words(state.rules))
    if state.rules.delivery is not Delivery.THREAD or not state.threadless:
        return line
    channels = ", ".join(f"<#{channel}>" for channel in sorted(state.threadless)[:3])
    return f"{line}\n" + _("⚠ I can't open threads in {channels}, so results there stay in the channel.").format(
        channels=channels
    )


def _describe_safety(state: ServerState) -> list[str]:
    words, checker = len(state.rules.refused_words), state.rules.checker
    facts = [ngettext("{count} refused word", "{count} refused words", words).format(count=words)] if words else []
    if checker is not None and checker in state.checkers:
        facts.append(_("pictures are checked with /{command}").format(command=escape(checker)))
    lines = [join_facts(*facts)] if facts else []
    if checker is not None and checker not in state.commands:
        lines.append(
            _("⚠ /{command} checked the pictures and no longer exists. Choose another command.").format(
                command=escape(checker)
            )
        )
    elif checker is not None and checker not in state.checkers:
        lines.append(
            _(
                "⚠ /{command} can't look at pictures, so they are not shown. "
                "Choose a command that answers with a label or a score."
            ).format(command=escape(checker))
        )
    return lines or [_("Nothing is refused")]


def _describe_blocked(count: int) -> str:
    if not count:
        return _no_blocks()
    return ngettext("{count} person is blocked", "{count} people are blocked", count).format(count=count)


def _no_blocks() -> str:
    return _("Nobody is blocked")


def _describe_gallery(state: ServerState) -> list[str]:
    channel, stars = state.rules.gallery_channel_id, state.rules.gallery_stars
    if channel is None:
        return [_("Off")]
    words = ngettext("from {count} ⭐ on", "from {count} ⭐ on", stars).format(count=stars)
    return [join_facts(_channel(state, channel), words), *_warn_unwritable(state, channel)]


def _describe_log(state: ServerState) -> list[str]:
    rules = state.rules
    if rules.log_channel_id is None:
        return [_("Off. Without a log, members can't report results.")]
    names = [inside_sentence(name) for line, (name, _about) in log_line_words().items() if line in rules.log_lines]
    prompts = _("with prompts") if rules.log_prompts else _("without prompts")
    facts = join_facts(_channel(state, rules.log_channel_id), ", ".join([_("reports"), *names]), prompts)
    return [facts, *_warn_unwritable(state, rules.log_channel_id)]


def _warn_unwritable(state: ServerState, channel: int) -> Iterator[str]:
    if channel in state.gone_channels:
        yield _("⚠ This channel no longer exists. Choose another one.")
    elif channel in state.unwritable:
        yield _("⚠ I can't write there. Let me see the channel and send messages in it.")


def _describe_block(block: BlockRow) -> str:
    until = _("for good") if block.expires_at is None else _until(block.expires_at)
    reason = escape(one_line(block.reason, _REASON_CHARS))
    return f"<@{block.user_id}>{SEPARATOR}{until}" + (f"\n-# {reason}" if reason else "")


def _until(when: datetime) -> str:
    return _("until {when}").format(when=format_timestamp(when, "f"))


def _describe_left(view: MemberView) -> Iterator[str]:
    if view.active_limit is not None:
        yield _("{used} of {limit} in progress").format(used=view.active, limit=view.active_limit)
    if view.daily_limit is not None:
        left = max(view.daily_limit - view.today, 0)
        yield ngettext(
            "{left} of {limit} left in 24 hours", "{left} of {limit} left in 24 hours", view.daily_limit
        ).format(left=left, limit=view.daily_limit)


# Small parts


def _section_text(title: str, lines: Iterable[str], *, heading: bool = False) -> str:
    head = f"### {title}" if heading else f"**{title}**"
    return truncate_utf16("\n".join([head, *lines]), _SECTION_CHARS * (3 if heading else 1))


def _labelled(label: str, value: str) -> str:
    return f"**{label}** {value}"


def _shorten(lines: Sequence[str], most: int) -> list[str]:
    if len(lines) <= most:
        return list(lines)
    more = len(lines) - most
    return [*lines[:most], "-# " + ngettext("… and {count} more", "… and {count} more", more).format(count=more)]


def _channel(state: ServerState, channel: int) -> str:
    return _("(deleted channel)") if channel in state.gone_channels else f"<#{channel}>"


def _role(state: ServerState, role: int) -> str:
    if role == state.guild_id:
        return _("everyone")
    return _("(deleted role)") if role in state.gone_roles else f"<@&{role}>"


def _edit_button(action: ServerAction, title: str) -> ServerButton:
    return ServerButton(action, label=_("Edit {section}").format(section=inside_sentence(title)))


def _back_button() -> ServerButton:
    return ServerButton(ServerAction.OVERVIEW, label=_("Back"))
