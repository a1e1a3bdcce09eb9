"""The forms in which a server's rules are set: Discord's own pickers, and what they say as a change of the rules."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

import discord
from discord import ui

from bot.errors import Refused
from bot.formatting import truncate
from bot.language import _
from bot.limits import (
    BLOCK_REASON_CHARS,
    CHOICE_CHARS,
    GALLERY_STARS_MAX,
    REPORT_REASON_CHARS,
    ROLE_LIMIT_MAX,
    RULE_PLACES,
    SELECT_OPTIONS,
    TEXT_INPUT_CHARS,
)
from bot.rules.refused_words import list_unusable_words, read_words
from bot.rules.server_rules import (
    EVERY_COMMAND,
    CommandRule,
    Delivery,
    LogLine,
    RoleLimits,
    ServerRules,
)
from bot.ui.first_response import follow_up_privately
from bot.ui.modals import Form
from bot.ui.render.server_words import delivery_words, describe_unusable_words, log_line_words

Interaction = discord.Interaction[Any]
Change = Callable[[ServerRules], ServerRules]
Submitted = Callable[[Interaction, Change], Awaitable[None]]

_TALK: Final = [
    discord.ChannelType.text,
    discord.ChannelType.news,
    discord.ChannelType.voice,
    discord.ChannelType.stage_voice,
    discord.ChannelType.forum,
]
_POST: Final = [discord.ChannelType.text, discord.ChannelType.news]
_MICRO: Final = 1_000_000
_NUMBER_CHARS: Final = 10


class CommandForm(Form):
    """Who may use a command, and where."""

    def __init__(self, name: str, rules: ServerRules, submitted: Submitted) -> None:
        title = _("Every other command") if name == EVERY_COMMAND else _("Rule of /{command}").format(command=name)
        super().__init__(title)
        self._name = name
        self._submitted = submitted
        rule = rules.command_rule(name)
        self._enabled: ui.Checkbox[Any] = ui.Checkbox(default=rule.enabled)
        self._channels: ui.ChannelSelect[Any] = ui.ChannelSelect(
            channel_types=_TALK,
            placeholder=_("Everywhere"),
            min_values=0,
            max_values=RULE_PLACES,
            default_values=_defaults(discord.SelectDefaultValueType.channel, rule.channels),
        )
        self._roles: ui.RoleSelect[Any] = ui.RoleSelect(
            placeholder=_("Everybody"),
            min_values=0,
            max_values=RULE_PLACES,
            default_values=_defaults(discord.SelectDefaultValueType.role, rule.roles),
        )
        self._age_restricted: ui.Checkbox[Any] = ui.Checkbox(default=rule.age_restricted)
        self.label(_("Offer it in this server"), self._enabled)
        self.label(_("Only in these channels"), self._channels, _("With their threads. None: everywhere"))
        self.label(_("Only for these roles"), self._roles, _("None: for everybody"))
        self.label(_("Only in age-restricted channels"), self._age_restricted)

    async def on_submit(self, interaction: Interaction, /) -> None:
        rule = CommandRule(
            enabled=self._enabled.value,
            channels=frozenset(channel.id for channel in self._channels.values),
            roles=frozenset(role.id for role in self._roles.values),
            age_restricted=self._age_restricted.value,
        )
        await self._submitted(interaction, lambda rules: rules.with_command(self._name, rule))


class LimitsForm(Form):
    """What people with a role may use."""

    def __init__(self, role: discord.Object, name: str, rules: ServerRules, submitted: Submitted) -> None:
        super().__init__(_("Limits of {role}").format(role=name))
        self._role_id = role.id
        self._submitted = submitted
        limits = rules.limits.get(role.id, RoleLimits())
        money = limits.month_micro_dollars
        note = _("The most generous role wins. Leave a field empty where this role says nothing.")
        self.add_item(ui.TextDisplay(note))
        self._at_once = self._number(_("Runs at once"), limits.at_once)
        self._per_day = self._number(_("Runs in 24 hours"), limits.per_day)
        self._money = self._number(_("Dollars a month"), None if money is None else f"{Decimal(money) / _MICRO:f}")
        self._outputs = self._number(_("Most outputs of a run"), limits.outputs)

    def _number(self, label: str, value: int | str | None) -> ui.TextInput[Any]:
        item: ui.TextInput[Any] = ui.TextInput(
            required=False, max_length=_NUMBER_CHARS, default=None if value is None else str(value)
        )
        self.label(label, item)
        return item

    async def on_submit(self, interaction: Interaction, /) -> None:
        limits = RoleLimits(
            at_once=_to_number(_("Runs at once"), self._at_once.value),
            per_day=_to_number(_("Runs in 24 hours"), self._per_day.value),
            month_micro_dollars=_to_micro_dollars(_("Dollars a month"), self._money.value),
            outputs=_to_number(_("Most outputs of a run"), self._outputs.value, low=1),
        )
        await self._submitted(interaction, lambda rules: rules.with_limits(self._role_id, limits))


class ResultsForm(Form):
    """Where results are shown."""

    def __init__(self, rules: ServerRules, submitted: Submitted) -> None:
        super().__init__(_("Results"))
        self._submitted = submitted
        self._delivery: ui.RadioGroup[Any] = ui.RadioGroup(
            options=[
                discord.RadioGroupOption(
                    label=name, value=delivery.value, description=about, default=rules.delivery is delivery
                )
                for delivery, (name, about) in delivery_words().items()
            ]
        )
        self._spoiler: ui.Checkbox[Any] = ui.Checkbox(default=rules.spoiler)
        self.label(_("Where results are shown"), self._delivery)
        self.label(_("Hide pictures behind a spoiler"), self._spoiler)

    async def on_submit(self, interaction: Interaction, /) -> None:
        delivery = Delivery(self._delivery.value or Delivery.PUBLIC)
        spoiler = self._spoiler.value
        await self._submitted(interaction, lambda rules: replace(rules, delivery=delivery, spoiler=spoiler))


class SafetyForm(Form):
    """Which words are refused, and which command looks at pictures.

    ``list_checkers`` returns the commands that can: now, and again when the form is submitted.
    """

    def __init__(self, rules: ServerRules, list_checkers: Callable[[], Sequence[str]], submitted: Submitted) -> None:
        super().__init__(_("Safety"))
        self._submitted = submitted
        self._list_checkers = list_checkers
        checkers = list_checkers()
        self._words: ui.TextInput[Any] = ui.TextInput(
            style=discord.TextStyle.paragraph,
            required=False,
            max_length=TEXT_INPUT_CHARS,
            default=truncate("\n".join(rules.refused_words), TEXT_INPUT_CHARS) or None,
        )
        self.label(_("Refused words, one per line"), self._words, _("Whole words, in any spelling of their letters"))
        self._checker: ui.Select[Any] | None = None
        if checkers:
            self._checker = ui.Select(
                placeholder=_("Nobody looks at them"),
                required=False,
                min_values=0,
                options=[
                    discord.SelectOption(label=f"/{name}"[:CHOICE_CHARS], value=name, default=name == rules.checker)
                    for name in checkers[:SELECT_OPTIONS]
                ],
            )
            self.label(
                _("Look at pictures with"), self._checker, _("Runs before they are shown, and costs what it costs")
            )

    async def on_submit(self, interaction: Interaction, /) -> None:
        words = read_words(self._words.value)
        chosen = None if self._checker is None else next(iter(self._checker.values), None)
        if chosen is not None and chosen not in self._list_checkers():
            raise Refused(
                _("/{command} can't look at pictures. Choose a command that answers with a label or a score.").format(
                    command=chosen
                )
            )
        await self._submitted(interaction, lambda rules: replace(rules, refused_words=words, checker=chosen))
        if unusable := list_unusable_words(self._words.value):
            await follow_up_privately(interaction, content=describe_unusable_words(unusable))


class GalleryForm(Form):
    """Where the results go that people like."""

    def __init__(self, rules: ServerRules, submitted: Submitted) -> None:
        super().__init__(_("Gallery"))
        self._submitted = submitted
        self._channel = _channel_picker(rules.gallery_channel_id)
        self._stars: ui.TextInput[Any] = ui.TextInput(
            default=str(rules.gallery_stars), max_length=len(str(GALLERY_STARS_MAX))
        )
        self.label(_("Gallery channel"), self._channel, _("None: no gallery"))
        self.label(_("Stars by others that bring a result there"), self._stars)

    async def on_submit(self, interaction: Interaction, /) -> None:
        stars = _to_number(_("Stars"), self._stars.value, low=1, high=GALLERY_STARS_MAX)
        channel = _chosen_id(self._channel)
        await self._submitted(
            interaction,
            lambda rules: replace(rules, gallery_channel_id=channel, gallery_stars=stars or rules.gallery_stars),
        )


class LogForm(Form):
    """What is told in which channel."""

    def __init__(self, rules: ServerRules, submitted: Submitted) -> None:
        super().__init__(_("Log"))
        self._submitted = submitted
        self._channel = _channel_picker(rules.log_channel_id)
        self._lines: ui.CheckboxGroup[Any] = ui.CheckboxGroup(
            required=False,
            min_values=0,
            options=[
                discord.CheckboxGroupOption(
                    label=name, value=line.value, description=about, default=line in rules.log_lines
                )
                for line, (name, about) in log_line_words().items()
            ],
        )
        self._prompts: ui.Checkbox[Any] = ui.Checkbox(default=rules.log_prompts)
        self.label(_("Log channel"), self._channel, _("None: no log, and nothing can be reported"))
        self.label(_("Lines"), self._lines, _("Reports always come here"))
        self.label(_("Show prompts"), self._prompts)

    async def on_submit(self, interaction: Interaction, /) -> None:
        channel, prompts = _chosen_id(self._channel), self._prompts.value
        lines = frozenset(map(LogLine, self._lines.values))
        await self._submitted(
            interaction,
            lambda rules: replace(rules, log_channel_id=channel, log_lines=lines, log_prompts=prompts),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockRequest:
    """Whom to block, why, and how long; None is for good. ``user_id`` is None where it is known already.

    ``is_bot``: it is no person.
    """

    user_id: int | None
    reason: str
    lasting: timedelta | None
    is_bot: bool = False


def check_blockable(user_id: int, *, by: int, is_bot: bool = False) -> None:
    """Raise Refused for whoever asks, and for bots, which start no runs."""
    if is_bot:
        raise Refused(_("Bots can't be blocked; they start no runs. Choose a person."))
    if user_id == by:
        raise Refused(_("You can't block yourself. Choose somebody else."))


BlockSubmitted = Callable[[Interaction, BlockRequest], Awaitable[None]]


class BlockForm(Form):
    """Whom to block; with ``name`` somebody who is known already."""

    def __init__(self, submitted: BlockSubmitted, *, name: str | None = None) -> None:
        super().__init__(_("Block somebody") if name is None else _("Block {name}").format(name=name))
        self._submitted = submitted
        self._person: ui.UserSelect[Any] | None = None
        if name is None:
            self._person = ui.UserSelect(placeholder=_("Choose a person"), required=True)
            self.label(_("Whom"), self._person)
        self._duration: ui.RadioGroup[Any] = ui.RadioGroup(
            options=[
                discord.RadioGroupOption(label=label, value=value, default=value == _DEFAULT_DURATION)
                for value, label in _duration_words().items()
            ]
        )
        self._reason: ui.TextInput[Any] = ui.TextInput(required=False, max_length=BLOCK_REASON_CHARS)
        self.label(_("How long"), self._duration)
        self.label(_("Reason"), self._reason, _("They read it when they try to start a run"))

    async def on_submit(self, interaction: Interaction, /) -> None:
        person = None if self._person is None else next(iter(self._person.values), None)
        duration = _DURATIONS[self._duration.value or _DEFAULT_DURATION]
        request = BlockRequest(
            user_id=None if person is None else person.id,
            reason=self._reason.value.strip(),
            lasting=duration,
            is_bot=person is not None and person.bot,
        )
        await self._submitted(interaction, request)


class LiftForm(Form):
    """Whose block to lift."""

    def __init__(self, submitted: Callable[[Interaction, int], Awaitable[None]]) -> None:
        super().__init__(_("Lift a block"))
        self._submitted = submitted
        self._person: ui.UserSelect[Any] = ui.UserSelect(placeholder=_("Choose a person"), required=True)
        self.label(_("Whose"), self._person)

    async def on_submit(self, interaction: Interaction, /) -> None:
        await self._submitted(interaction, self._person.values[0].id)


class ReportForm(Form):
    """Why a result is reported."""

    def __init__(self, submitted: Callable[[Interaction, str], Awaitable[None]]) -> None:
        super().__init__(_("Report this result"))
        self._submitted = submitted
        self._reason: ui.TextInput[Any] = ui.TextInput(
            style=discord.TextStyle.paragraph, required=False, max_length=REPORT_REASON_CHARS
        )
        self.label(_("What is wrong with it?"), self._reason, _("The server's moderators read it, with your name"))

    async def on_submit(self, interaction: Interaction, /) -> None:
        await self._submitted(interaction, self._reason.value.strip())


_DEFAULT_DURATION: Final = "day"
_DURATIONS: Final[dict[str, timedelta | None]] = {
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
    "good": None,
}


def _duration_words() -> dict[str, str]:
    return {"hour": _("An hour"), "day": _("A day"), "week": _("A week"), "good": _("For good")}


def _defaults(kind: discord.SelectDefaultValueType, ids: frozenset[int]) -> list[discord.SelectDefaultValue]:
    return [discord.SelectDefaultValue(id=one, type=kind) for one in sorted(ids)[:RULE_PLACES]]


def _channel_picker(channel: int | None) -> ui.ChannelSelect[Any]:
    chosen = frozenset(filter(None, [channel]))
    return ui.ChannelSelect(
        channel_types=_POST,
        placeholder=_("Off"),
        min_values=0,
        default_values=_defaults(discord.SelectDefaultValueType.channel, chosen),
    )


def _chosen_id(picker: ui.ChannelSelect[Any]) -> int | None:
    return next((channel.id for channel in picker.values), None)


def _to_number(label: str, text: str, *, low: int = 0, high: int = ROLE_LIMIT_MAX) -> int | None:
    text = text.strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and low <= int(text) <= high):
        raise Refused(
            _("{label} must be a whole number from {low} to {high}, or empty.").format(label=label, low=low, high=high)
        )
    return int(text)


def _to_micro_dollars(label: str, text: str) -> int | None:
    """Return a sum as millionths of a dollar; a comma is a point, and a dollar sign may stand before it."""
    text = text.strip().removeprefix("$").strip().replace(",", ".")
    if not text:
        return None
    whole, _point, cents = text.partition(".")
    digits = (whole + cents).isascii() and (whole + cents).isdigit() and len(cents) <= 6
    if not digits or int(whole or 0) > ROLE_LIMIT_MAX:
        raise Refused(_("{label} must be a sum like 5 or 2.50, or empty.").format(label=label))
    return int(whole or 0) * _MICRO + int((cents or "0").ljust(6, "0"))
