"""A person in front of Discord's client: what they can do, and what they see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bot.limits import DEFAULT_FILE_BYTES, MIB
from sandbox.discord.people.exchange import Exchange
from sandbox.discord.people.forms import Form, choose
from sandbox.discord.people.options import Options, descend
from sandbox.discord.people.refused import ClientRefused, as_refusal
from sandbox.discord.people.rights import check_reachable, may_answer_openly, owners_of
from sandbox.discord.rules.emoji import read_emoji
from sandbox.discord.rules.files import Sent
from sandbox.discord.rules.mentions import read_mentions
from sandbox.discord.rules.messages import compose
from sandbox.discord.wire import messages as wire
from sandbox.discord.wire import people as wire_people
from sandbox.discord.world.components import SELECTS, ComponentType, find_control
from sandbox.discord.world.interaction import InteractionType
from sandbox.discord.world.permissions import Permission, sending_in
from sandbox.discord.world.user import User

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sandbox.discord.commands import Command
    from sandbox.discord.site import Site
    from sandbox.discord.world.attachment import Attachment, Upload
    from sandbox.discord.world.channel import Channel
    from sandbox.discord.world.message import Message

Json = dict[str, Any]
P = Permission
FILE_BYTES_OF_PREMIUM = (DEFAULT_FILE_BYTES, 50 * MIB, 500 * MIB, 50 * MIB)
CHAT_INPUT, USER_MENU, MESSAGE_MENU = 1, 2, 3


class Person:
    """Acts as ``user``; raises ``ClientRefused`` where Discord's client would not let them.

    What starts an interaction returns when the application has answered or its three seconds are over;
    with ``wait=False`` it returns at once.
    """

    def __init__(self, user: User, site: Site) -> None:
        self.user = user
        self._site = site

    def __repr__(self) -> str:
        return f"<Person {self.user.username}>"

    def file_bytes(self, channel: Channel) -> int:
        """Return how large one file may be that this person sends here."""
        return max(FILE_BYTES_OF_PREMIUM[self.user.premium], channel.file_bytes)

    def commands(self, channel: Channel) -> list[Command]:
        """Return the commands that the client offers this person here."""
        guild_id = channel.guild.id if channel.guild else None
        found = self._site.commands.visible(guild_id)
        return [one for one in found if owners_of(one, self.user, channel, self._site.world)]

    def sees(self, channel: Channel) -> list[Message]:
        """Return the messages that this person sees there, oldest first."""
        if not self._site.world.permissions(channel, self.user) & P.VIEW_CHANNEL:
            return []
        return [message for message in channel.messages.values() if message.audience in {None, self.user}]

    async def slash(
        self, channel: Channel, command: str, values: Mapping[str, Any] | None = None, *, wait: bool = True
    ) -> Exchange:
        """Use a slash command; a subcommand is named with spaces: ``"models add"``."""
        return await self._command(InteractionType.COMMAND, channel, command, values or {}, wait=wait)

    async def autocomplete(
        self, channel: Channel, command: str, values: Mapping[str, Any], focused: str, *, wait: bool = True
    ) -> Exchange:
        """Type in an option and see what is offered: ``exchange.choices``."""
        given = {focused: "", **values}
        return await self._command(InteractionType.AUTOCOMPLETE, channel, command, given, wait=wait, focused=focused)

    async def context_menu(
        self, target: Message | User, name: str, channel: Channel | None = None, *, wait: bool = True
    ) -> Exchange:
        """Use a command from the menu of a message, or of a user seen in ``channel``."""
        world = self._site.world
        if isinstance(target, User):
            if channel is None:
                raise ClientRefused("A user's menu opens somewhere: name the channel.")
            resolved: Json = {"users": {str(target.id): wire_people.user(target)}}
            if member := wire_people.member_of(channel.guild, target):
                told = {**wire_people.member(member, with_user=False), "permissions": "0"}
                resolved["members"] = {str(target.id): told}
            kind = USER_MENU
        else:
            channel = target.channel
            self._check_sees(target)
            resolved = {"messages": {str(target.id): wire.message(target, self._site.cdn, world.bot)}}
            kind = MESSAGE_MENU
        found, owners = check_reachable(self._site, self.user, channel, name, kind)
        data = {
            "id": str(found.id), "name": found.name, "type": kind,
            "target_id": str(target.id), "resolved": resolved,
        }  # fmt: skip
        return await self._begin(InteractionType.COMMAND, channel, data, owners, wait=wait, command_type=kind)

    async def press(self, message: Message, button: str, *, wait: bool = True) -> Exchange:
        """Press a button, named by its custom id or its label."""
        control = self._control(message, button)
        if control["type"] != ComponentType.BUTTON:
            raise ClientRefused(f"“{button}” is not a button.")
        return await self._use(message, control, {}, wait=wait)

    async def choose(self, message: Message, select: str, values: Sequence[Any], *, wait: bool = True) -> Exchange:
        """Choose in a select, named by its custom id or placeholder; strings by value or label, others themselves."""
        control = self._control(message, select)
        if control["type"] not in SELECTS:
            raise ClientRefused(f"“{select}” is not a select.")
        if not control["min_values"] <= len(values) <= control["max_values"]:
            least, most = control["min_values"], control["max_values"]
            raise ClientRefused(f"“{select}” takes {least} to {most} values, not {len(values)}.")
        data: Json = {"values": list(values)}
        if control["type"] == ComponentType.STRING_SELECT:
            data["values"] = choose(control, select, list(values))
        else:
            options = Options(self._site.world, message.channel.guild, self._upload_for(message.channel))
            data["values"] = [options.resolve(value) for value in values]
            data["resolved"] = options.resolved
        return await self._use(message, control, data, wait=wait)

    async def submit(self, exchange: Exchange, values: Mapping[str, Any], *, wait: bool = True) -> Exchange:
        """Fill in the modal of ``exchange`` by custom ids or labels and send it."""
        trigger = exchange.interaction
        if exchange.modal is None or trigger.user is not self.user:
            raise ClientRefused("There is no modal open.")
        form = Form(exchange.modal, self._upload_for(trigger.channel))
        data: Json = {"custom_id": exchange.modal["custom_id"], "components": form.fill(values)}
        if form.attachments:
            data["resolved"] = {"attachments": form.attachments}
        return await self._begin(
            InteractionType.MODAL_SUBMIT, trigger.channel, data, dict(trigger.owners), wait=wait,
            message=trigger.message, trigger=trigger, command_type=trigger.command_type,
        )  # fmt: skip

    async def say(
        self, channel: Channel, text: str = "", files: Sequence[Upload] = (), reply_to: Message | None = None
    ) -> Message:
        """Write a message."""
        rights = self._site.world.permissions(channel, self.user)
        if not rights & sending_in(channel) or (files and not rights & P.ATTACH_FILES):
            raise ClientRefused("You do not have permission to send that here.")
        sent = Sent({"content": text}, dict(enumerate(files)))
        with as_refusal():
            body = compose(sent, None, limit=self.file_bytes(channel), keep=self._site.post.keeper(channel))
            self._site.post.check_words(channel, body)
        mentions = read_mentions(body, channel, self.user, None)
        about = {"type": 19 if reply_to else 0, "reference": reply_to}
        return self._site.post.create(channel, self.user, body, mentions, **about)

    async def edit(self, message: Message, text: str) -> None:
        """Change the text of one's own message."""
        if message.author is not self.user:
            raise ClientRefused("Only the author edits a message.")
        keep = self._site.post.keeper(message.channel)
        with as_refusal():
            body = compose(Sent({"content": text}), message.body, limit=0, keep=keep)
            self._site.post.check_words(message.channel, body)
        self._site.post.edit(message, body)

    async def delete(self, message: Message) -> None:
        """Delete one's own message, or with the right to anyone's; an ephemeral one is only dismissed."""
        self._check_sees(message)
        rights = self._site.world.permissions(message.channel, self.user)
        if message.author is not self.user and not message.ephemeral and not rights & P.MANAGE_MESSAGES:
            raise ClientRefused("You do not have permission to delete this message.")
        self._site.post.delete(message)

    async def react(self, message: Message, emoji: str) -> None:
        """Put an emoji under a message."""
        self._check_sees(message)
        rights = self._site.world.permissions(message.channel, self.user)
        with as_refusal():
            read = read_emoji(emoji)
            if message.ephemeral or (read.key not in message.reactions and not rights & P.ADD_REACTIONS):
                raise ClientRefused("You do not have permission to react here.")
            self._site.post.react(message, self.user, read)

    async def unreact(self, message: Message, emoji: str) -> None:
        """Take one's own emoji away."""
        self._site.post.unreact(message, self.user, read_emoji(emoji))

    async def _command(
        self, kind: InteractionType, channel: Channel, words: str, values: Mapping[str, Any],
        *, wait: bool, focused: str | None = None,
    ) -> Exchange:  # fmt: skip
        name, *path = words.removeprefix("/").split()
        found, owners = check_reachable(self._site, self.user, channel, name, CHAT_INPUT)
        declared, steps = descend(found.data, path)
        if focused is not None and not any(one["name"] == focused and one.get("autocomplete") for one in declared):
            raise ClientRefused(f"The option “{focused}” does not autocomplete.")
        options = Options(self._site.world, channel.guild, self._upload_for(channel))
        filled = options.fill(declared, values, focused=focused)
        for step in reversed(steps):
            filled = [{**step, "options": filled}]
        data: Json = {"id": str(found.id), "name": found.name, "type": CHAT_INPUT, "options": filled}
        if found.guild_id is not None:
            data["guild_id"] = str(found.guild_id)
        if options.resolved:
            data["resolved"] = options.resolved
        return await self._begin(kind, channel, data, owners, wait=wait)

    async def _use(self, message: Message, control: Json, more: Json, *, wait: bool) -> Exchange:
        owners = (message.interaction or {}).get("authorizing_integration_owners")
        if owners is None:
            owners = {"0": str(message.channel.guild.id) if message.channel.guild else "0"}
        data = {"custom_id": control["custom_id"], "component_type": control["type"], "id": control["id"], **more}
        return await self._begin(InteractionType.COMPONENT, message.channel, data, owners, wait=wait, message=message)

    async def _begin(
        self, kind: InteractionType, channel: Channel, data: Json, owners: dict[str, str], *, wait: bool, **about: Any
    ) -> Exchange:
        rights = self._site.world.permissions(channel, self.user)
        interaction = self._site.interactions.begin(
            kind, user=self.user, channel=channel, data=data, owners=owners,
            file_limit=self.file_bytes(channel),
            always_ephemeral="0" not in owners and not may_answer_openly(channel, rights), **about,
        )  # fmt: skip
        exchange = Exchange(interaction, self._site.interactions)
        return await exchange.wait() if wait else exchange

    def _upload_for(self, channel: Channel) -> Any:
        site = self._site

        def upload(what: Upload) -> tuple[Attachment, Json]:
            if len(what.data) > self.file_bytes(channel):
                raise ClientRefused(f"Your files are too powerful: “{what.name}” is over the limit here.")
            kept = site.post.keep(what, "ephemeral-attachments", site.world.application.id)
            return kept, wire.attachment(kept, site.cdn)

        return upload

    def _control(self, message: Message, wanted: str) -> Json:
        self._check_sees(message)
        found = find_control(message.components, wanted)
        if found is None:
            raise ClientRefused(f"The message has no control “{wanted}”; its buttons: {', '.join(message.buttons)}.")
        if found.get("disabled"):
            raise ClientRefused(f"“{wanted}” is disabled.")
        return found

    def _check_sees(self, message: Message) -> None:
        if message not in self.sees(message.channel):
            raise ClientRefused("You do not see this message.")
