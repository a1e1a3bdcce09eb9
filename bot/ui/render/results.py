"""The private menu of a finished result, and every sentence about changing, deleting and keeping results."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from discord import ui

from bot.actor import Actor
from bot.formatting import join_facts
from bot.language import _, ngettext
from bot.limits import BUTTONS_PER_ROW
from bot.store.models import Run, RunOutput
from bot.ui.components import Action, RunButton
from bot.ui.permissions import may_manage_result
from bot.ui.render.cards import Card, Tone, message_url
from bot.ui.render.markdown import escape, one_line
from bot.visibility import Visibility

_NAME_CHARS: Final = 33  # of a command with its slash, or of a chain


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A delivered result as the menu knows it.

    ``outputs`` are the files that are still there, ``reachable`` the ids of the messages that the bot can change now.
    ``is_favourite``: it is a favourite of the person who opened the menu.
    """

    run: Run
    outputs: Sequence[RunOutput]
    reachable: frozenset[int]
    is_favourite: bool = False

    @property
    def is_reachable(self) -> bool:
        """Whether the bot can read and change all of the result now."""
        further = (message for number, message in self.run.messages.items() if number > 0)
        return self.reachable.issuperset((self.run.place.message_id, *further))

    @property
    def changeable_outputs(self) -> Sequence[RunOutput]:
        """The files in messages that the bot can change now."""
        return [output for output in self.outputs if output.message_id in self.reachable]


@dataclass(frozen=True, slots=True, kw_only=True)
class MenuEntry:
    """One button of the menu: what it does, to whom and when it is offered, and the row that it stands in.

    Rows are from top to bottom: 0 keeps or uses the result, 1 changes it, 2 throws it away or reports it.
    ``label`` is what it says, None where that is the same under every result.
    """

    action: Action
    row: int
    is_offered: Callable[[Actor, Result], bool]
    label: Callable[[Result], str] | None = None


def menu_card(result: Result, entries: Sequence[MenuEntry], actor: Actor) -> Card:
    """Return the private menu of a result: a title and the buttons that this person may press now."""
    offered = [entry for entry in entries if entry.is_offered(actor, result)]
    items: list[ui.Item[Any]] = [ui.TextDisplay(_title(result))]
    for row in sorted({entry.row for entry in offered}):
        buttons: list[ui.Item[Any]] = [_button(one, result) for one in offered if one.row == row]
        items += [ui.ActionRow(*buttons[at : at + BUTTONS_PER_ROW]) for at in range(0, len(buttons), BUTTONS_PER_ROW)]
    if result.run.place.token_only and not result.is_reachable and may_manage_result(actor, result.run):
        items.append(ui.TextDisplay(further_messages_are_yours()))
    elif not offered:
        items.append(ui.TextDisplay(_("There is nothing you can do with this result here.")))
    return Card(items, Tone.NEUTRAL)


def _button(entry: MenuEntry, result: Result) -> RunButton:
    return RunButton(entry.action, result.run.id, label=entry.label(result) if entry.label is not None else None)


def _title(result: Result) -> str:
    run, outputs = result.run, result.outputs
    images = sum(output.is_image for output in outputs)
    if images == len(outputs):
        count = ngettext("{count} image", "{count} images", images).format(count=images) if images else ""
    else:
        count = ngettext("{count} file", "{count} files", len(outputs)).format(count=len(outputs))
    visibility = {Visibility.SPOILER: _("spoiler"), Visibility.PRIVATE: _("only you see it")}.get(run.visibility, "")
    link = _("[open]({url})").format(url=message_url(run.place)) if run.visibility is not Visibility.PRIVATE else ""
    name = f"/{run.command}" if run.chain is None else run.chain.name
    return join_facts(f"**{escape(one_line(name, _NAME_CHARS))}**", count, visibility, link)


def confirm_card(run_id: str, *, mention: int | None = None) -> Card:
    """Return the one question before a deletion; ``mention`` asks somebody in the channel."""
    question = ask_to_delete() if mention is None else ask_in_channel(mention)
    buttons = ui.ActionRow[Any](RunButton(Action.CONFIRM_DELETE, run_id), RunButton(Action.KEEP, run_id))
    return Card([ui.TextDisplay(question), buttons], Tone.WARNING)


# Sentences


def not_ready() -> str:
    return _("This run is still in progress. Its menu opens when it's done.")


def result_deleted() -> str:
    return _("This result was deleted.")


def message_gone() -> str:
    return _("This result's message was deleted.")


def file_gone() -> str:
    return _("This file was deleted.")


def was_removed() -> str:
    return _("-# Removed")


def ask_to_delete() -> str:
    return _("Delete this result? It leaves the channel, and I delete what I stored of it.")


def ask_in_channel(user_id: int) -> str:
    return _("{mention}, delete this result?").format(mention=f"<@{user_id}>")


def deleted() -> str:
    return _("Deleted.")


def kept() -> str:
    return _("Kept.")


def covered() -> str:
    return _("The result is behind a spoiler now.")


def uncovered() -> str:
    return _("The spoiler is gone.")


def removed(output: RunOutput) -> str:
    if output.is_image:
        return _("Image {number} is gone.").format(number=output.number)
    return _("File {number} is gone.").format(number=output.number)


def removed_later(output: RunOutput) -> str:
    return _(
        "Discord allows few changes to messages older than an hour. {file} goes as soon as it lets me; "
        "to be rid of it now, delete the whole result."
    ).format(file=output_label(output))


def private_run_may_outlive_token() -> str:
    return _("I can update a private message for 15 minutes only. If this takes longer, get the result in your DMs.")


def moved_to_dm(url: str) -> str:
    return _("The result comes to [your direct messages]({url}).").format(url=url)


def only_author_moves(author: str) -> str:
    return _("Only {author} can move this run.").format(author=author)


def not_movable() -> str:
    return _("This run can't be moved right now. Try again in a moment.")


def which_to_remove() -> str:
    return _("Which one should go?")


def choose_file() -> str:
    return _("Choose a file")


def output_label(output: RunOutput) -> str:
    """Return what a file of a result is called in a list."""
    if output.is_image:
        return _("Image {number}").format(number=output.number)
    return _("File {number}: {name}").format(number=output.number, name=output.name)


def sent_to_dm() -> str:
    return _("Sent. Look in your direct messages.")


def already_sending() -> str:
    return _("I'm already sending you this result.")


def dms_closed() -> str:
    return _("I can't send you direct messages. Allow them in your privacy settings for this server, then try again.")


def too_large_for_dm() -> str:
    return _("-# Too large for a direct message. Open the result to see it.")


def link_back(url: str) -> str:
    return _("-# [Open the result]({url})").format(url=url)


def only_author_or_moderator(author: str) -> str:
    return _("Only {author} or someone who can manage messages here can do that.").format(author=author)


def press_needed() -> str:
    return _("I can only reach this message for 15 minutes after a press. Press ⋯ under the result again.")


def further_messages_are_yours() -> str:
    """Say what goes with the messages below a card that only the token of its command reached."""
    return _("I can't change the messages below this result anymore. In Discord you can still delete them yourself.")


def deleted_but_for_further() -> str:
    return _("Deleted, but for the messages below: I can't reach them anymore. Delete them yourself in Discord.")


def further_message_out_of_reach() -> str:
    return _("I can't reach the messages below this result anymore. Save the files in them from there.")


def no_access() -> str:
    return _("I can't see that channel anymore.")


def discord_unavailable() -> str:
    return _("Discord didn't take that. Try again in a moment.")


def edits_used_up() -> str:
    return _(
        "Discord allows few changes to messages older than an hour. Try again in a minute, or delete the whole result."
    )
