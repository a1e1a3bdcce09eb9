"""The library's cards and sentences: a page of nine, one result, and what a person allows in galleries."""

import io
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import discord
from discord import ui

from bot.command_mentions import mention_command
from bot.formatting import SEPARATOR, join_facts, truncate
from bot.language import _, ngettext
from bot.limits import CHOICE_CHARS, FAVOURITES, INTERACTION_TOKEN_LIFE, SELECT_OPTIONS, TEXT_CHARS
from bot.media.tiles import draw_tile
from bot.media.types import MediaKind
from bot.store.gallery import GalleryConsent
from bot.store.library import LibraryEntry, LibraryPage
from bot.store.models import Run
from bot.ui.components import Action, RunButton
from bot.ui.library_items import (
    ALL,
    FAVOURITES_FLAG,
    HERE_FLAG,
    KIND_FLAGS,
    LibraryAction,
    LibraryButton,
    LibrarySelect,
    LibrarySelection,
    LibraryState,
)
from bot.ui.render.cards import Card, Tone
from bot.ui.render.markdown import escape, format_name, format_quote, format_timestamp, one_line
from bot.visibility import Visibility

STAR: Final = "⭐"
_LABEL_CHARS: Final = 80
_PROMPT_LINES: Final = 6
_PROMPT_CHARS: Final = 900


def page_card(page: LibraryPage, state: LibraryState, commands: Sequence[str], *, in_server: bool) -> Card:
    """Return a page of the library. Its pictures are the files of ``page_files``."""
    items: list[ui.Item[Any]] = [ui.TextDisplay(("### " + _("Your library") + f"\n{_describe_filters(state)}").strip())]
    if page.entries:
        media = [
            discord.MediaGalleryItem(
                f"attachment://{_file_name(number, entry)}",
                description=truncate(f"{number} · {_caption(entry)}", 200),
                spoiler=entry.visibility is Visibility.SPOILER,
            )
            for number, entry in enumerate(page.entries, 1)
        ]
        lines = "\n".join(f"**{number}** {_line(entry)}" for number, entry in enumerate(page.entries, 1))
        items += [ui.MediaGallery(*media), ui.TextDisplay(lines[:TEXT_CHARS])]
        items.append(ui.ActionRow(_open_select(page, state)))
    else:
        items.append(ui.TextDisplay(_explain_empty(state)))
    if page.entries or state.is_filtered:
        items.append(ui.ActionRow(_place_select(state, in_server=in_server)))
        items.append(ui.ActionRow(_kind_select(state, commands)))
        items.append(ui.ActionRow(*_page_buttons(page, state)))
    return Card(items, Tone.INFO)


def page_files(page: LibraryPage) -> Callable[[], list[discord.File]]:
    """Return what opens the pictures of a page."""
    pictures = [(_file_name(number, entry), _picture(entry)) for number, entry in enumerate(page.entries, 1)]
    return lambda: [discord.File(io.BytesIO(data), filename=name) for name, data in pictures]


def entry_card(
    entry: LibraryEntry,
    run: Run,
    state: LibraryState,
    *,
    is_author: bool,
    may_repeat: bool = True,
    rows: Sequence[ui.Item[Any]] = (),
) -> Card:
    """Return the card of one result. Its picture is the file of ``entry_files``; ``rows`` are further rows.

    ``may_repeat``: the person may use the inputs of the run.
    """
    head = join_facts(f"**{mention_command(entry.command)}**", format_timestamp(entry.created_at))
    if not is_author:
        head = _("{result} by {author}").format(result=head, author=format_name(entry.author_name))
    items: list[ui.Item[Any]] = [ui.TextDisplay(head)]
    if quote := format_quote(entry.prompt or "", lines=_PROMPT_LINES, chars=_PROMPT_CHARS).strip():
        items.append(ui.TextDisplay(quote))
    items.append(
        ui.MediaGallery(
            discord.MediaGalleryItem(
                f"attachment://{_file_name(1, entry)}",
                description=truncate(_caption(entry), 200),
                spoiler=entry.visibility is Visibility.SPOILER,
            )
        )
    )
    if (note := _describe_state(entry)) is not None:
        items.append(ui.TextDisplay(f"-# {note}"))
    items.append(ui.ActionRow(*_entry_buttons(entry, run, state, is_author=is_author, may_repeat=may_repeat)))
    items += rows
    items.append(ui.ActionRow(LibraryButton(LibraryAction.PAGE, state, label=_("◀ Back to the library"))))
    return Card(items, Tone.INFO)


def entry_files(entry: LibraryEntry) -> Callable[[], list[discord.File]]:
    """Return what opens the picture of one result."""
    return lambda: [discord.File(io.BytesIO(_picture(entry)), filename=_file_name(1, entry))]


def consent_card(consent: GalleryConsent, buttons: Sequence[ui.Item[Any]]) -> Card:
    """Return what a person allows with their results in the galleries of servers."""
    copies = (
        _("Results of yours that others ⭐ may be copied into the server's gallery.")
        if consent.copies
        else _("None of your results are copied into galleries.")
    )
    prompts = _("Copies show your prompt.") if consent.prompts else _("Copies don't show your prompt.")
    text = "### " + _("Your results in galleries") + f"\n{copies}" + (f"\n{prompts}" if consent.copies else "")
    timeout = INTERACTION_TOKEN_LIFE.total_seconds()
    return Card([ui.TextDisplay(text), ui.ActionRow(*buttons)], Tone.NEUTRAL, timeout=timeout)


def consent_labels(consent: GalleryConsent) -> tuple[str, str]:
    """Return what the buttons say that change whether copies are made, and whether they show the prompt."""
    return (
        _("Don't copy my results") if consent.copies else _("Allow copies"),
        _("Hide my prompts") if consent.prompts else _("Show my prompts"),
    )


def label_star(*, is_favourite: bool) -> str:
    """Return what a ⭐ of the menu says: what pressing it does."""
    return _("⭐ Remove from favourites") if is_favourite else _("⭐ Favourite")


def explain_star(*, on: bool) -> str:
    """Return what a ⭐ did, for the person who gave it."""
    if on:
        return _("Added to your favourites. Find it again with /library browse.")
    return _("Removed from your favourites.")


def explain_full() -> str:
    return _("You have {count} favourites, and that's the most there can be. Remove one first.").format(
        count=FAVOURITES
    )


def explain_missing() -> str:
    return _("This result isn't in the library any more.")


def explain_private() -> str:
    return _("Only you can see this result, so there is no message to open.")


def explain_export(*, parts: int, results: int, missing: int) -> str:
    """Return what was exported."""
    if not results:
        return _("You have no results to export yet.")
    sent = ngettext(
        "Sent your newest {results} results to your DMs in {parts} file.",
        "Sent your newest {results} results to your DMs in {parts} files.",
        parts,
    ).format(results=results, parts=parts)
    if not missing:
        return sent
    left_out = ngettext(
        "{count} file is no longer in Discord, or too large.",
        "{count} files are no longer in Discord, or too large.",
        missing,
    ).format(count=missing)
    return f"{sent} {left_out}"


def explain_export_started() -> str:
    return _("Collecting your newest results. I'll send them to your DMs.")


def explain_export_busy() -> str:
    return _("I'm still collecting results for an export. Try again in a few minutes.")


def explain_closed_dms() -> str:
    return _("I can't send you direct messages. Allow them in your privacy settings for this server, then try again.")


def export_caption(part: int) -> str:
    """Return what stands beside an archive."""
    return _("Your library, part {part}: pictures, and `results.json` with inputs and seeds.").format(part=part)


def _describe_filters(state: LibraryState) -> str:
    names = [name for flags, name in _place_names() if flags and flags == state.place_flags]
    names += [name for flag, name in _kind_names() if flag in state.flags]
    words = _("“{words}”").format(words=escape(one_line(state.words, 40))) if state.words else ""
    facts = join_facts(*names, f"/{escape(state.command)}" if state.command else "", words)
    return f"-# {facts}" if facts else ""


def _explain_empty(state: LibraryState) -> str:
    if state.is_filtered:
        return _("Nothing here. Try other words or fewer filters.")
    return _("Nothing here yet. What you make from now on is kept here.")


def _place_names() -> list[tuple[frozenset[str], str]]:
    """Return what can be chosen of where results are from, as flags."""
    favourites, here = FAVOURITES_FLAG, HERE_FLAG
    return [
        (frozenset(), _("Everything")),
        (frozenset({favourites}), _("Favourites")),
        (frozenset({here}), _("This server")),
        (frozenset({favourites, here}), _("Favourites from this server")),
    ]


def _kind_names() -> list[tuple[str, str]]:
    """Return the kinds that can be chosen, by flag."""
    names = [_("Images"), _("Videos"), _("Audio"), _("Texts"), _("Other files")]
    return list(zip(KIND_FLAGS, names, strict=True))


def _open_select(page: LibraryPage, state: LibraryState) -> LibrarySelect:
    options = [
        discord.SelectOption(
            label=truncate(f"{number} · {_caption(entry)}", _LABEL_CHARS),
            value=entry.run_id,
            description=truncate(f"/{entry.command}", CHOICE_CHARS),
        )
        for number, entry in enumerate(page.entries, 1)
    ]
    return LibrarySelect(LibrarySelection.OPEN, state, options=options, placeholder=_("Open a result"))


def _place_select(state: LibraryState, *, in_server: bool) -> LibrarySelect:
    options = [
        discord.SelectOption(label=name, value="".join(sorted(flags)) or ALL, default=flags == state.place_flags)
        for flags, name in _place_names()
        if in_server or HERE_FLAG not in flags
    ]
    return LibrarySelect(LibrarySelection.PLACE, state, options=options, placeholder=_("Show only…"))


def _kind_select(state: LibraryState, commands: Sequence[str]) -> LibrarySelect:
    names = sorted({*commands[: SELECT_OPTIONS - len(KIND_FLAGS) - 2], *filter(None, [state.command])})
    options = [discord.SelectOption(label=_("All kinds and commands"), value=ALL, default=not state.kind_choice)]
    options += [
        discord.SelectOption(label=name, value=flag, default=flag == state.kind_choice) for flag, name in _kind_names()
    ]
    options += [
        discord.SelectOption(label=f"/{name}", value=f"/{name}", default=f"/{name}" == state.kind_choice)
        for name in names
    ]
    return LibrarySelect(LibrarySelection.KIND, state, options=options, placeholder=_("Kind or command"))


def _page_buttons(page: LibraryPage, state: LibraryState) -> Iterator[ui.Item[Any]]:
    first, last = (page.entries[0].number, page.entries[-1].number) if page.entries else (0, 0)
    newer = state.from_start()
    newer = LibraryState(flags=newer.flags, command=newer.command, words=newer.words, after=first)
    older = LibraryState(flags=newer.flags, command=newer.command, words=newer.words, before=last)
    yield LibraryButton(LibraryAction.NEWER, newer, label=_("◀ Newer"), disabled=not page.has_newer)
    yield LibraryButton(LibraryAction.OLDER, older, label=_("Older ▶"), disabled=not page.has_older)
    yield LibraryButton(LibraryAction.SEARCH, state, label=_("Search"), style=discord.ButtonStyle.primary)
    if state.is_filtered:
        yield LibraryButton(LibraryAction.CLEAR, LibraryState(), label=_("Show all"))


def _entry_buttons(
    entry: LibraryEntry, run: Run, state: LibraryState, *, is_author: bool, may_repeat: bool
) -> Iterator[ui.Item[Any]]:
    if entry.deleted_at is None and entry.visibility is not Visibility.PRIVATE:
        url = f"https://discord.com/channels/{entry.guild_id or '@me'}/{entry.channel_id}/{entry.message_id}"
        yield ui.Button(label=_("Open"), url=url, style=discord.ButtonStyle.link)
    if run.forgotten_at is None and may_repeat:
        yield RunButton(Action.AGAIN, run.id)
        yield RunButton(Action.EDIT, run.id)
    if entry.is_favourite:
        yield LibraryButton(LibraryAction.UNSTAR, state, run_id=run.id, label=_("Remove ⭐"))
    else:
        yield LibraryButton(LibraryAction.STAR, state, run_id=run.id, label=_("⭐ Favourite"))
    if is_author and entry.deleted_at is None:
        yield RunButton(Action.DELETE, run.id)


def _describe_state(entry: LibraryEntry) -> str | None:
    if entry.deleted_at is not None:
        return _("The message was deleted in Discord {when}.").format(when=format_timestamp(entry.deleted_at))
    return explain_private() if entry.visibility is Visibility.PRIVATE else None


def _line(entry: LibraryEntry) -> str:
    """Return the line of a page about one entry."""
    facts = [escape(one_line(entry.prompt, 60)) if entry.prompt else "", mention_command(entry.command)]
    if entry.deleted_at is not None:
        facts.append(_("deleted in Discord"))
    if entry.is_favourite:
        facts.append(STAR)
    return SEPARATOR.join(fact for fact in facts if fact)


def _caption(entry: LibraryEntry) -> str:
    """Return an entry in words, without markup."""
    return one_line(entry.prompt or "", 100) or _("no prompt")


def _picture(entry: LibraryEntry) -> bytes:
    if entry.deleted_at is not None:
        return draw_tile(entry.kind, gone=True)
    return entry.thumbnail or draw_tile(entry.kind)


def _file_name(number: int, entry: LibraryEntry) -> str:
    prefix = "SPOILER_" if entry.visibility is Visibility.SPOILER else ""
    return f"{prefix}result-{number}-{entry.number}.webp"


_KINDS_WITH_PICTURES: Final = frozenset({MediaKind.IMAGE})


def lacks_thumbnail(entry: LibraryEntry) -> bool:
    """Return whether a picture could be shown of an entry and none was made yet."""
    return entry.kind in _KINDS_WITH_PICTURES and entry.thumbnail is None and entry.deleted_at is None
