"""/character: save, list, show, share and delete characters; and Save as character, in the menu of a message."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import discord
from discord import app_commands, ui
from discord.ext import commands

from bot.characters.names import SavedName, make_key, parse_name
from bot.client import Replicord
from bot.clock import Clock
from bot.errors import Refused
from bot.formatting import join_facts
from bot.language import _
from bot.limits import (
    CHARACTER_DESCRIPTION_CHARS,
    CHARACTER_PICTURES,
    CHOICE_CHARS,
    CHOICES_PER_OPTION,
    INTERACTION_TOKEN_LIFE,
    SELECT_OPTIONS,
)
from bot.media.types import is_named_as_image
from bot.options.files import RemoteFile
from bot.options.slash_command import BOTH_INSTALLS, EVERYWHERE
from bot.own_commands import OwnCommand
from bot.store.characters import Character, Characters, SaveResult, ShareResult
from bot.store.runs import Runs
from bot.ui.components import Action
from bot.ui.first_response import defer, edit_response, edit_response_with_images, send_modal, send_privately
from bot.ui.permissions import Reuse, may_reuse
from bot.ui.render import characters as render
from bot.ui.render.cards import Card, Tone, sentence_card
from bot.ui.render.markdown import one_line
from bot.ui.render.results import MenuEntry
from bot.ui.render.strings import RUN_DELETED
from cogs.card_controls import CardButton, CardSelect
from cogs.characters.form import CharacterAnswers, CharacterForm, ConsentForm
from cogs.characters.pictures import PictureReader
from cogs.permissions import check_reuse
from cogs.result_files import ResultFiles
from cogs.use_as_subject.message_images import check_images, find_images

Interaction = discord.Interaction[Replicord]
Choices = list[app_commands.Choice[str]]

_MENU: Final = "Save as character"
_CARD_SECONDS: Final = INTERACTION_TOKEN_LIFE.total_seconds()


# Finds the pictures to save; those of a result are looked for anew, as their addresses expire.
FindPictures = Callable[[Interaction], Awaitable[Sequence[RemoteFile]]]

CHARACTER_ENTRIES: Final = (
    MenuEntry(
        action=Action.SAVE_CHARACTER,
        row=0,
        is_offered=lambda actor, result: (
            may_reuse(result.run, Reuse.RESULT, user_id=actor.user_id)
            and any(output.is_image for output in result.changeable_outputs)
        ),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Draft:
    """A character that is about to be saved."""

    name: SavedName
    description: str
    find_pictures: FindPictures


@app_commands.allowed_installs(guilds=True, users=True)
@app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
class CharacterCommands(
    commands.GroupCog,
    group_name=OwnCommand.CHARACTER,
    group_description="Your characters: people and figures you use by @name",
):
    """Everybody reaches their own characters, and uses those that are shared with a server."""

    def __init__(
        self,
        client: Replicord,
        *,
        characters: Characters,
        pictures: PictureReader,
        runs: Runs,
        files: ResultFiles,
        clock: Clock,
        new_id: Callable[[], str],
    ) -> None:
        self._client = client
        self._characters = characters
        self._pictures = pictures
        self._runs = runs
        self._files = files
        self._clock = clock
        self._new_id = new_id
        self._menu = app_commands.ContextMenu(
            name=_MENU, callback=self._save_from_message, allowed_contexts=EVERYWHERE, allowed_installs=BOTH_INSTALLS
        )

    async def cog_load(self) -> None:
        self._client.tree.add_command(self._menu)

    async def cog_unload(self) -> None:
        self._client.tree.remove_command(_MENU, type=discord.AppCommandType.message)

    @app_commands.command(description="Save a character to use it by @name in any command")
    @app_commands.describe(
        name="1 to 32 letters, digits, - and _",
        photo="A clear picture of it",
        photo_2="Another picture",
        photo_3="Another picture",
        photo_4="Another picture",
        photo_5="Another picture",
        description="Goes into the prompt in place of the name",
    )
    async def save(  # noqa: PLR0917  # the options of the command
        self,
        interaction: Interaction,
        name: str,
        photo: discord.Attachment,
        description: app_commands.Range[str, 0, CHARACTER_DESCRIPTION_CHARS] = "",
        photo_2: discord.Attachment | None = None,
        photo_3: discord.Attachment | None = None,
        photo_4: discord.Attachment | None = None,
        photo_5: discord.Attachment | None = None,
    ) -> None:
        """Ask for the consent in a form, then save."""
        parsed = parse_name(name)
        photos = tuple(one for one in (photo, photo_2, photo_3, photo_4, photo_5) if one is not None)
        for one in photos:
            if not is_named_as_image(one.content_type, one.filename):
                raise Refused(render.not_an_image(one.filename))

        async def submitted(answer: Interaction, answers: CharacterAnswers) -> None:
            draft = _Draft(name=parsed, description=answers.description, find_pictures=_always(photos))
            await self._save(answer, draft, agrees=answers.agrees)

        form = CharacterForm(
            title=_("Save @{name}").format(name=parsed.text),
            note=render.describe_photos(len(photos)),
            consent=render.consent_to_keep(),
            submitted=submitted,
            name=parsed.text,
            description=description,
        )
        await send_modal(interaction, form)

    @app_commands.command(name="list", description="Your characters and those shared with this server")
    async def show_list(self, interaction: Interaction) -> None:
        await defer(interaction, ephemeral=True)
        await self._show_page(interaction, 0)

    @app_commands.command(description="A character's pictures and description")
    @app_commands.describe(name="The character")
    async def show(self, interaction: Interaction, name: str) -> None:
        await defer(interaction, ephemeral=True)
        await self._show(interaction, await self._find(interaction, name))

    @app_commands.command(description="Let everybody in this server use a character of yours")
    @app_commands.describe(name="The character")
    async def share(self, interaction: Interaction, name: str) -> None:
        character = await self._find(interaction, name)
        if character.owner_id != interaction.user.id:
            raise Refused(render.unknown_character(name))
        await self._ask_to_share(interaction, character)

    @app_commands.command(description="Delete a character, or take one out of a server that you manage")
    @app_commands.describe(name="The character")
    async def delete(self, interaction: Interaction, name: str) -> None:
        character = await self._find(interaction, name)
        if character.owner_id != interaction.user.id:
            self._check_manages(interaction)
            await self._unshare(interaction, character)
            return
        await send_privately(interaction, view=self._confirm_card(character))

    @show.autocomplete("name")
    @delete.autocomplete("name")
    async def _complete_usable(self, interaction: Interaction, current: str) -> Choices:
        return _make_choices(await self._list_usable(interaction), current)

    @share.autocomplete("name")
    async def _complete_own(self, interaction: Interaction, current: str) -> Choices:
        return _make_choices(await self._characters.list_own(interaction.user.id), current)

    async def _save_from_message(self, interaction: Interaction, message: discord.Message) -> None:
        """Show the form for a character of the pictures of a message."""
        run = await self._runs.find_by_message(message.id)
        images = check_images(find_images(message), run, user_id=interaction.user.id)
        names = [image.filename for image in images]
        await self._open_form(interaction, names, lambda numbers: _always([images[number] for number in numbers]))

    @commands.Cog.listener()
    async def on_run_button(self, interaction: Interaction, action: Action, run_id: str) -> None:
        """Show the form for a character of the pictures of a result."""
        if action is not Action.SAVE_CHARACTER:
            return
        run = await self._runs.get(run_id)
        if run is None:
            raise Refused(RUN_DELETED)
        check_reuse(run, Reuse.RESULT, user_id=interaction.user.id)
        outputs = [one for one in await self._runs.list_outputs(run_id) if one.is_image and one.removed_at is None]

        def find(numbers: Sequence[int]) -> FindPictures:
            async def fetch(answer: Interaction) -> Sequence[RemoteFile]:
                return [await self._files.fetch(run, outputs[number], interaction=answer) for number in numbers]

            return fetch

        await self._open_form(interaction, [output.name for output in outputs[:SELECT_OPTIONS]], find)

    async def _open_form(
        self, interaction: Interaction, names: Sequence[str], find: Callable[[Sequence[int]], FindPictures]
    ) -> None:
        """Show the form for a character of some of the pictures of these names; Refused without any."""
        if not names:
            raise Refused(render.no_picture_found())

        async def submitted(answer: Interaction, answers: CharacterAnswers) -> None:
            find_pictures = find(answers.pictures[:CHARACTER_PICTURES])
            draft = _Draft(name=parse_name(answers.name), description=answers.description, find_pictures=find_pictures)
            await self._save(answer, draft, agrees=answers.agrees)

        form = CharacterForm(
            title=_("Save as character"),
            note=render.describe_photos(1 if len(names) == 1 else None),
            consent=render.consent_to_keep(),
            submitted=submitted,
            pictures=names,
        )
        await send_modal(interaction, form)

    async def _save(self, interaction: Interaction, draft: _Draft, *, agrees: bool) -> None:
        """Save the character, or ask whether to replace the one of this name."""
        if not agrees:
            raise Refused(render.consent_missing())
        await defer(interaction, ephemeral=True, thinking=True)
        own = await self._characters.list_own(interaction.user.id)
        existing = next((character for character in own if character.key == draft.name.key), None)
        if existing is not None:
            await self._ask_to_replace(interaction, draft, existing.name)
            return
        await self._store(interaction, draft, replace=False)

    async def _ask_to_replace(self, interaction: Interaction, draft: _Draft, existing: str) -> None:
        async def replace(press: Interaction) -> None:
            await defer(press)
            await self._store(press, draft, replace=True)

        button = CardButton(_("Replace"), replace, style=discord.ButtonStyle.danger)
        await edit_response(interaction, view=_question_card(render.explain_save(SaveResult.TAKEN, existing), button))

    async def _store(self, interaction: Interaction, draft: _Draft, *, replace: bool) -> None:
        pictures = await self._pictures.read(
            interaction.client, await draft.find_pictures(interaction), owner=interaction.user.id
        )
        old = await self._characters.find(interaction.user.id, None, [draft.name.key])
        character = Character(
            id=self._new_id(),
            owner_id=interaction.user.id,
            owner_name=interaction.user.display_name,
            name=draft.name.text,
            key=draft.name.key,
            description=" ".join(draft.description.split()),
            created_at=self._clock.now(),
        )
        result = await self._characters.save(character, pictures, replace=replace)
        if result is SaveResult.TAKEN:
            # It may have been saved since it was looked for.
            taken = await self._characters.find(interaction.user.id, None, [draft.name.key])
            names = [one.name for one in taken.values()]
            await self._ask_to_replace(interaction, draft, names[0] if names else draft.name.text)
            return
        was_shared = any(one.guilds for one in old.values())
        tone = Tone.ERROR if result is SaveResult.TOO_MANY else Tone.SUCCESS
        sentence = render.explain_save(result, character.name, was_shared=was_shared)
        await edit_response(interaction, view=sentence_card(sentence, tone=tone))

    async def _show_page(self, interaction: Interaction, page: int) -> None:
        """Show a page of what a person can use here, in the place of the response."""
        usable = await self._list_usable(interaction)
        last = max(0, len(usable) - 1) // render.CHARACTERS_PER_PAGE
        page = max(0, min(page, last))
        start = page * render.CHARACTERS_PER_PAGE
        shown = usable[start : start + render.CHARACTERS_PER_PAGE]
        thumbnails = await self._characters.load_thumbnails([character.id for character in shown])
        by_id = {character.id: character for character in shown}

        async def turn(press: Interaction, *, to: int) -> None:
            await defer(press)
            await self._show_page(press, to)

        async def choose(press: Interaction, character_id: str) -> None:
            await defer(press, ephemeral=True, thinking=True)
            await self._show(press, by_id[character_id])

        controls: list[Any] = []
        if shown:
            options = [discord.SelectOption(label=f"@{one.name}", value=one.id) for one in shown]
            controls.append(CardSelect(_("Show one"), options, choose))
        if last:
            controls.append(CardButton("◀", partial(turn, to=page - 1), disabled=page == 0))
            controls.append(CardButton("▶", partial(turn, to=page + 1), disabled=page == last))
        view = render.character_list(
            usable,
            page=page,
            thumbnails=thumbnails.keys(),
            person_id=interaction.user.id,
            guild_id=interaction.guild_id,
            controls=controls,
        )
        images = {render.thumbnail_name(by_id[one]): data for one, data in thumbnails.items()}
        await edit_response_with_images(interaction, view=view, images=images)

    async def _show(self, interaction: Interaction, character: Character) -> None:
        """Show a character with what this person may do with it."""
        pictures = await self._characters.load_pictures(character.id)
        names = render.picture_names(character)
        images = {names[number]: picture.data for number, picture in enumerate(pictures) if number in names}
        if not images:
            raise Refused(render.unknown_character(character.name))
        view = render.character_card(
            character,
            files=list(images),
            person_id=interaction.user.id,
            guild_id=interaction.guild_id,
            buttons=self._buttons(interaction, character),
        )
        await edit_response_with_images(interaction, view=view, images=images)

    def _buttons(self, interaction: Interaction, character: Character) -> list[CardButton]:
        own = character.owner_id == interaction.user.id
        shared_here = interaction.guild_id in character.guilds
        buttons = []
        if own and interaction.is_guild_integration() and not shared_here:
            buttons.append(CardButton(_("Share with this server"), partial(self._ask_to_share, character=character)))
        if shared_here and (own or interaction.permissions.manage_guild):
            label = _("Stop sharing here") if own else _("Remove from this server")
            buttons.append(CardButton(label, partial(self._unshare, character=character)))
        if own:

            async def ask(press: Interaction) -> None:
                await send_privately(press, view=self._confirm_card(character))

            buttons.append(CardButton(_("Delete"), ask, style=discord.ButtonStyle.danger))
        return buttons

    def _confirm_card(self, character: Character) -> Card:
        async def delete(press: Interaction) -> None:
            await defer(press)
            await self._characters.delete(character.id, owner_id=press.user.id, now=self._clock.now())
            await edit_response(press, view=sentence_card(render.explain_deleted(character.name), tone=Tone.SUCCESS))

        return _question_card(
            _("Delete {name} and its pictures?").format(name=f"**@{character.name}**"),
            CardButton(_("Delete"), delete, style=discord.ButtonStyle.danger),
        )

    async def _ask_to_share(self, interaction: Interaction, character: Character) -> None:
        guild = interaction.guild
        if not interaction.is_guild_integration():
            raise Refused(_("Use this in the server that you want to share it with."))
        server = guild.name if guild is not None and guild.name else _("this server")

        async def agreed(answer: Interaction) -> None:
            await defer(answer, ephemeral=True, thinking=True)
            result = await self._characters.share(character, answer.guild_id or 0, at=self._clock.now())
            tone = Tone.SUCCESS if result in (ShareResult.SHARED, ShareResult.ALREADY_SHARED) else Tone.ERROR
            sentence = render.explain_share(result, character.name, server)
            await edit_response(answer, view=sentence_card(sentence, tone=tone))

        form = ConsentForm(
            title=_("Share @{name}").format(name=character.name),
            note=_("Everybody in {server} can use these pictures. You and its managers can stop that.").format(
                server=server
            ),
            consent=render.consent_to_share(),
            agreed=agreed,
        )
        await send_modal(interaction, form)

    async def _unshare(self, interaction: Interaction, character: Character) -> None:
        if character.owner_id != interaction.user.id:
            self._check_manages(interaction)
        await defer(interaction, ephemeral=True, thinking=True)
        await self._characters.unshare(character.id, interaction.guild_id or 0)
        server = (
            interaction.guild.name if interaction.guild is not None and interaction.guild.name else _("this server")
        )
        sentence = render.explain_unshared(character.name, server)
        await edit_response(interaction, view=sentence_card(sentence, tone=Tone.SUCCESS))

    def _check_manages(self, interaction: Interaction) -> None:
        if not interaction.permissions.manage_guild:
            raise Refused(_("Only its owner, or who manages this server, can do that."))

    async def _find(self, interaction: Interaction, name: str) -> Character:
        key = make_key(name)
        found = await self._characters.find(interaction.user.id, interaction.guild_id, [key])
        if key not in found:
            raise Refused(render.unknown_character(name.removeprefix("@")))
        return found[key]

    async def _list_usable(self, interaction: Interaction) -> tuple[Character, ...]:
        return await self._characters.list_usable(interaction.user.id, interaction.guild_id)


def _always(pictures: Sequence[RemoteFile]) -> FindPictures:
    async def find(_: Interaction) -> Sequence[RemoteFile]:
        return pictures

    return find


def _question_card(question: str, button: CardButton) -> Card:
    return Card([ui.TextDisplay(question), ui.ActionRow(button)], Tone.WARNING, timeout=_CARD_SECONDS)


def _make_choices(characters: Sequence[Character], current: str) -> Choices:
    key = make_key(current)
    return [
        app_commands.Choice(
            name=one_line(join_facts(f"@{character.name}", character.description), CHOICE_CHARS), value=character.name
        )
        for character in characters
        if key in character.key
    ][:CHOICES_PER_OPTION]
