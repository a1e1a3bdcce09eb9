"""The buttons and selects of the library: their custom ids carry its page and filters, so they work after a restart."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final, Self

import discord
from discord import ui

from bot.language import _
from bot.limits import RUN_ID_PATTERN, SEARCH_CHARS
from bot.media.types import MediaKind
from bot.ui.modals import Form

KIND_FLAGS: Final = {
    "i": MediaKind.IMAGE,
    "v": MediaKind.VIDEO,
    "a": MediaKind.AUDIO,
    "t": MediaKind.TEXT,
    "o": MediaKind.OTHER,
}
ALL: Final = "*"  # the choice that leaves nothing out
FAVOURITES_FLAG: Final = "f"
HERE_FLAG: Final = "h"


@dataclass(frozen=True, slots=True, kw_only=True)
class LibraryState:
    """What the library shows: its filters, as flags, and the entry that the page begins behind."""

    flags: frozenset[str] = frozenset()
    command: str = ""
    words: str = ""
    before: int | None = None
    after: int | None = None

    @property
    def kinds(self) -> frozenset[MediaKind]:
        """The kinds that are shown; empty for all."""
        return frozenset(kind for flag, kind in KIND_FLAGS.items() if flag in self.flags)

    @property
    def place_flags(self) -> frozenset[str]:
        """The flags of where results are from."""
        return self.flags & {FAVOURITES_FLAG, HERE_FLAG}

    @property
    def kind_choice(self) -> str:
        """The flag of the kind that is shown, or the command with its slash; empty for all."""
        return f"/{self.command}" if self.command else next(iter(sorted(self.flags & KIND_FLAGS.keys())), "")

    def with_place(self, choice: str) -> "LibraryState":
        """Return the state at its first page with a choice of where results are from."""
        place = frozenset() if choice == ALL else frozenset(choice) & {FAVOURITES_FLAG, HERE_FLAG}
        return self.from_start(flags=(self.flags & KIND_FLAGS.keys()) | place)

    def with_kind(self, choice: str) -> "LibraryState":
        """Return the state at its first page with a choice of a kind or a command."""
        kind = frozenset({choice}) & KIND_FLAGS.keys()
        return self.from_start(flags=self.place_flags | kind, command=choice[1:] if choice.startswith("/") else "")

    @property
    def is_filtered(self) -> bool:
        """Whether anything may be left out."""
        return bool(self.flags or self.command or self.words)

    def from_start(self, **changes: Any) -> "LibraryState":
        """Return the state with other filters, at its first page."""
        return replace(self, before=None, after=None, **changes)

    def encode(self) -> str:
        """Return the state for a custom id."""
        anchor = f"b{self.before}" if self.before is not None else f"a{self.after}" if self.after is not None else ""
        return ":".join(("".join(sorted(self.flags)), self.command, anchor, self.words[:SEARCH_CHARS]))

    @classmethod
    def decode(cls, encoded: str) -> "LibraryState":
        """Return the state of a custom id; what cannot be read is left out."""
        flags, command, anchor, words, *_rest = (*encoded.split(":", 3), "", "", "", "")
        number = int(anchor[1:]) if re.fullmatch(r"[ab][0-9]{1,18}", anchor, re.ASCII) else None
        return cls(
            flags=frozenset(flags),
            command=command,
            words=words,
            before=number if anchor.startswith("b") else None,
            after=number if anchor.startswith("a") else None,
        )


class LibraryAction(StrEnum):
    """What a button of the library does."""

    PAGE = "page"  # of the state in its id
    NEWER = "newer"
    OLDER = "older"
    SEARCH = "search"
    CLEAR = "clear"
    STAR = "on"
    UNSTAR = "off"


class LibrarySelection(StrEnum):
    """What a select of the library is for."""

    OPEN = "open"
    PLACE = "place"  # favourites, this server
    KIND = "kind"  # or command: one of a command's results is like the others


class LibraryButton(
    ui.DynamicItem[ui.Button[Any]],
    template=re.compile(
        rf"l:(?P<action>{'|'.join(LibraryAction)})(?:@(?P<run>{RUN_ID_PATTERN}))?:(?P<state>.{{0,90}})", re.ASCII
    ),
):
    """A button of the library. Pressing it dispatches the event ``library_button`` to the cogs."""

    def __init__(
        self,
        action: LibraryAction,
        state: LibraryState,
        *,
        run_id: str | None = None,
        label: str = "…",
        disabled: bool = False,
        style: discord.ButtonStyle = discord.ButtonStyle.secondary,
    ) -> None:
        subject = f"@{run_id}" if run_id is not None else ""
        custom_id = f"l:{action}{subject}:{state.encode()}"
        super().__init__(ui.Button(label=label, style=style, disabled=disabled, custom_id=custom_id))
        self.action = action
        self.state = state
        self.run_id = run_id

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction[Any], _item: ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(LibraryAction(match["action"]), LibraryState.decode(match["state"]), run_id=match["run"])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        interaction.client.dispatch("library_button", interaction, self.action, self.state, self.run_id)


class LibrarySelect(
    ui.DynamicItem[ui.Select[Any]],
    template=re.compile(rf"l:(?P<selection>{'|'.join(LibrarySelection)}):(?P<state>.{{0,90}})", re.ASCII),
):
    """A select of the library. Choosing dispatches the event ``library_select`` to the cogs, with what was chosen."""

    def __init__(
        self,
        selection: LibrarySelection,
        state: LibraryState,
        *,
        options: Sequence[discord.SelectOption] = (),
        placeholder: str | None = None,
    ) -> None:
        select: ui.Select[Any] = ui.Select(
            custom_id=f"l:{selection}:{state.encode()}",
            placeholder=placeholder,
            options=list(options) or [discord.SelectOption(label="…")],
        )
        super().__init__(select)
        self.selection = selection
        self.state = state

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction[Any], _item: ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(LibrarySelection(match["selection"]), LibraryState.decode(match["state"]))

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        interaction.client.dispatch("library_select", interaction, self.selection, self.state, list(self.item.values))


class SearchModal(Form):
    """Asks for the words to search for. Submitting it dispatches ``library_search`` to the cogs."""

    def __init__(self, state: LibraryState) -> None:
        super().__init__(title=_("Search your library"))
        self._state = state
        self._words: ui.TextInput[Any] = ui.TextInput(
            default=state.words or None, required=False, max_length=SEARCH_CHARS
        )
        self.add_item(
            ui.Label(
                text=_("Words of the prompt"),
                description=_("Leave empty to show everything"),
                component=self._words,
            )
        )

    async def on_submit(self, interaction: discord.Interaction[Any], /) -> None:
        interaction.client.dispatch("library_search", interaction, self._state.from_start(words=self._words.value))


LIBRARY_ITEMS: Final = (LibraryButton, LibrarySelect)
