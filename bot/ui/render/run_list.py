"""The list of a person's own runs: each with its picture, and what one can do with it."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import discord
from discord import ui

from bot.command_mentions import link_commands, mention_command
from bot.formatting import join_facts
from bot.language import _, ngettext
from bot.limits import TEXT_CHARS, URL_CHARS
from bot.store.models import Run, RunState
from bot.store.queries import RunPage
from bot.ui.components import Action, RunButton, RunListAction, RunListButton
from bot.ui.render.cards import Card, Tone, message_url
from bot.ui.render.markdown import escape, format_timestamp, one_line
from bot.visibility import Visibility

# With a picture, two buttons and a line below, an entry has seven of the 40 components of a card.
RUNS_PER_PAGE: Final = 5

_PROMPT_CHARS: Final = 120
_WEB_SCHEMES: Final = ("https://", "http://")


def run_list_card(page: RunPage, images: Sequence[str | None], *, active: int) -> Card:
    """Return a page of runs; ``images`` are their pictures' addresses, ``active`` is how many are in progress."""
    items: list[ui.Item[Any]] = [ui.TextDisplay("### " + _("Your runs") + f"\n{_intro(page, active)}")]
    for number, (run, image) in enumerate(zip(page.runs, images, strict=True)):
        items += [ui.Separator()] if number else []
        items += _entry(run, image)
    if page.runs and (page.has_newer or page.has_older):
        newer, older = page.runs[0].id, page.runs[-1].id
        items.append(ui.Separator())
        items.append(
            ui.ActionRow(
                RunListButton(RunListAction.NEWER, newer, label=_("◀ Newer"), disabled=not page.has_newer),
                RunListButton(RunListAction.OLDER, older, label=_("Older ▶"), disabled=not page.has_older),
            )
        )
    return Card(items, Tone.INFO)


def not_own_run() -> str:
    return _("That isn't one of your runs. Pick one from the list.")


def _intro(page: RunPage, active: int) -> str:
    if not page.runs:
        return link_commands(_("No runs yet. /about shows what you can make here."), chars=TEXT_CHARS // 4)
    if not active:
        return _("No runs in progress.")
    return ngettext("{count} run in progress.", "{count} runs in progress.", active).format(count=active)


def _entry(run: Run, image: str | None) -> Iterator[ui.Item[Any]]:
    name = mention_command(run.command)
    prompt = run.prompt if run.chain is None else run.chain.prompt
    head = join_facts(f"**{name}**", escape(one_line(prompt, _PROMPT_CHARS)) if prompt else "")
    state = _("deleted") if run.deleted_at is not None else _state_names()[run.state]
    text = ui.TextDisplay[Card](f"{head}\n-# {join_facts(state, format_timestamp(run.created_at))}")
    is_shown = image is not None and image.startswith(_WEB_SCHEMES) and len(image) <= URL_CHARS
    is_covered = run.visibility is Visibility.SPOILER
    yield (
        ui.Section(text, accessory=ui.Thumbnail(image, spoiler=is_covered)) if image is not None and is_shown else text
    )
    buttons = list(_buttons(run))
    if buttons:
        yield ui.ActionRow(*buttons)


def _buttons(run: Run) -> Iterator[ui.Item[Any]]:
    if not run.state.terminal:
        yield RunButton(Action.CANCEL, run.id)
    elif run.forgotten_at is None:
        again = RunButton(Action.AGAIN, run.id)
        again.item.style = discord.ButtonStyle.secondary  # five of the strong ones would shout
        yield again
    is_ephemeral = run.visibility is Visibility.PRIVATE and run.place.token_only  # no address leads to such a message
    if run.deleted_at is None and not is_ephemeral:
        yield ui.Button(label=_("Jump"), url=message_url(run.place), style=discord.ButtonStyle.link)


def _state_names() -> dict[RunState, str]:
    return {
        RunState.RESERVED: _("queued"),
        RunState.SUBMITTED: _("starting"),
        RunState.RUNNING: _("running"),
        RunState.SUCCEEDED: _("done"),
        RunState.FAILED: _("failed"),
        RunState.CANCELED: _("stopped"),
        RunState.ABORTED: _("ended early"),
    }
