"""A person in front of Discord's client: what they can do, and what they see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bot.limits import DEFAULT_FILE_BYTES, MIB
from sandbox.discord.people.client_checks import (
    ClientRefused,
    CommandOptions,
    ModalForm,
    authorizing_owners,
    can_reply_publicly,
    find_usable_command,
    match_choices,
    refuse_api_errors,
    resolve_subcommand,
)
from sandbox.discord.people.interaction_result import InteractionResult
from sandbox.discord.serializers import (
    find_member,
    serialize_attachment,
    serialize_member,
    serialize_message,
    serialize_user,
)
from sandbox.discord.state.components import SELECTS, ComponentType, find_control
from sandbox.discord.state.models import InteractionType, User
from sandbox.discord.state.permissions import Permission, send_permission
from sandbox.discord.validation.messages import MessagePayload, build_body, parse_emoji, resolve_mentions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sandbox.discord.services import Services
    from sandbox.discord.services.commands import Command
    from sandbox.discord.state.models import Attachment, Channel, Message, Upload

Json = dict[str, Any]
P = Permission
FILE_BYTES_OF_PREMIUM = (DEFAULT_FILE_BYTES, 50 * MIB, 500 * MIB, 50 * MIB)
CHAT_INPUT, USER_MENU, MESSAGE_MENU = 1, 2, 3


class Person:
    """Acts as ``user``; raises ``ClientRefused`` where Discord's client would not let them.

    What starts an interaction returns when the application has answered or its three seconds are over;
    with ``wait=False`` it returns at once.
    """

    def __init__(self, user: User, services: Services) -> None:
        self.user = user
        self._services = services

    def __repr__(self) -> str:
        return f"<Person {self.user.username}>"

    def max_file_bytes(self, channel: Channel) -> int:
        """Return how large one file may be that this person sends here."""
        return max(FILE_BYTES_OF_PREMIUM[self.user.premium], channel.max_file_bytes)

    def commands(self, channel: Channel) -> list[Command]:
        """Return the commands that the client offers this person here."""
        guild_id = channel.guild.id if channel.guild else None
        found = self._services.commands.visible(guild_id)
        return [one for one in found if authorizing_owners(one, self.user, channel, self._services.state)]

    def visible_messages(self, channel: Channel) -> list[Message]:
        """Return the messages that this person sees there, oldest first."""
        if not self._services.state.permissions(channel, self.user) & P.VIEW_CHANNEL:
            return []
        return [message for message in channel.messages.values() if message.audience in {None, self.user}]

    async def use_command(
        self, channel: Channel, command: str, values: Mapping[str, Any] | None = None, *, wait: bool = True
    ) -> InteractionResult:
        """Use a slash command; a subcommand is named with spaces: ``"models add"``."""
        return await self._command(InteractionType.COMMAND, channel, command, values or {}, wait=wait)

    async def autocomplete(
        self, channel: Channel, command: str, values: Mapping[str, Any], focused: str, *, wait: bool = True
    ) -> InteractionResult:
        """Type in an option and see what is offered: ``exchange.choices``."""
        given = {focused: "", **values}
        return await self._command(InteractionType.AUTOCOMPLETE, channel, command, given, wait=wait, focused=focused)

    async def use_context_menu(
        self, target: Message | User, name: str, channel: Channel | None = None, *, wait: bool = True
    ) -> InteractionResult:
        """Use a command from the menu of a message, or of a user seen in ``channel``."""
        state = self._services.state
        if isinstance(target, User):
            if channel is None:
                raise ClientRefused("A user's menu opens somewhere: name the channel.")
            resolved: Json = {"users": {str(target.id): serialize_user(target)}}
            if member := find_member(channel.guild, target):
                told = {**serialize_member(member, with_user=False), "permissions": "0"}
                resolved["members"] = {str(target.id): told}
            kind = USER_MENU
        else:
            channel = target.channel
            self._check_sees(target)
            resolved = {"messages": {str(target.id): serialize_message(target, self._services.cdn, state.bot)}}
            kind = MESSAGE_MENU
        found, owners = find_usable_command(self._services, self.user, channel, name, kind)
        data = {
            "id": str(found.id), "name": found.name, "type": kind,
            "target_id": str(target.id), "resolved": resolved,
        }  # fmt: skip
        return await self._begin(InteractionType.COMMAND, channel, data, owners, wait=wait, command_type=kind)

    async def press(self, message: Message, button: str, *, wait: bool = True) -> InteractionResult:
        """Press a button, named by its custom id or its label."""
        control = self._control(message, button)
        if control["type"] != ComponentType.BUTTON:
            raise ClientRefused(f"“{button}” is not a button.")
        return await self._use(message, control, {}, wait=wait)

    async def choose(
        self, message: Message, select: str, values: Sequence[Any], *, wait: bool = True
    ) -> InteractionResult:
        """Choose in a select, named by its custom id or placeholder; strings by value or label, others themselves."""
        control = self._control(message, select)
        if control["type"] not in SELECTS:
            raise ClientRefused(f"“{select}” is not a select.")
        if not control["min_values"] <= len(values) <= control["max_values"]:
            least, most = control["min_values"], control["max_values"]
            raise ClientRefused(f"“{select}” takes {least} to {most} values, not {len(values)}.")
        data: Json = {"values": list(values)}
        if control["type"] == ComponentType.STRING_SELECT:
            data["values"] = match_choices(control, select, list(values))
        else:
            options = CommandOptions(self._services.state, message.channel.guild, self._upload_for(message.channel))
            data["values"] = [options.resolve(value) for value in values]
            data["resolved"] = options.resolved
        return await self._use(message, control, data, wait=wait)

    async def submit(
        self, exchange: InteractionResult, values: Mapping[str, Any], *, wait: bool = True
    ) -> InteractionResult:
        """Fill in the modal of ``exchange`` by custom ids or labels and send it."""
        trigger = exchange.interaction
        if exchange.modal is None or trigger.user is not self.user:
            raise ClientRefused("There is no modal open.")
        form = ModalForm(exchange.modal, self._upload_for(trigger.channel))
        data: Json = {"custom_id": exchange.modal["custom_id"], "components": form.fill(values)}
        if form.attachments:
            data["resolved"] = {"attachments": form.attachments}
        return await self._begin(
            InteractionType.MODAL_SUBMIT, trigger.channel, data, dict(trigger.owners), wait=wait,
            message=trigger.message, trigger=trigger, command_type=trigger.command_type,
        )  # fmt: skip

    async def send_message(
        self, channel: Channel, text: str = "", files: Sequence[Upload] = (), reply_to: Message | None = None
    ) -> Message:
        """Write a message."""
        rights = self._services.state.permissions(channel, self.user)
        if not rights & send_permission(channel) or (files and not rights & P.ATTACH_FILES):
            raise ClientRefused("You do not have permission to send that here.")
        sent = MessagePayload({"content": text}, dict(enumerate(files)))
        with refuse_api_errors():
            body = build_body(
                sent, None, limit=self.max_file_bytes(channel), keep=self._services.messages.keeper(channel)
            )
            self._services.messages.check_words(channel, body)
        mentions = resolve_mentions(body, channel, self.user, None)
        about = {"type": 19 if reply_to else 0, "reference": reply_to}
        return self._services.messages.create(channel, self.user, body, mentions, **about)

    async def edit(self, message: Message, text: str) -> None:
        """Change the text of one's own message."""
        if message.author is not self.user:
            raise ClientRefused("Only the author edits a message.")
        keep = self._services.messages.keeper(message.channel)
        with refuse_api_errors():
            body = build_body(MessagePayload({"content": text}), message.body, limit=0, keep=keep)
            self._services.messages.check_words(message.channel, body)
        self._services.messages.edit(message, body)

    async def delete(self, message: Message) -> None:
        """Delete one's own message, or with the right to anyone's; an ephemeral one is only dismissed."""
        self._check_sees(message)
        rights = self._services.state.permissions(message.channel, self.user)
        if message.author is not self.user and not message.ephemeral and not rights & P.MANAGE_MESSAGES:
            raise ClientRefused("You do not have permission to delete this message.")
        self._services.messages.delete(message)

    async def react(self, message: Message, emoji: str) -> None:
        """Put an emoji under a message."""
        self._check_sees(message)
        rights = self._services.state.permissions(message.channel, self.user)
        with refuse_api_errors():
            read = parse_emoji(emoji)
            if message.ephemeral or (read.key not in message.reactions and not rights & P.ADD_REACTIONS):
                raise ClientRefused("You do not have permission to react here.")
            self._services.messages.react(message, self.user, read)

    async def remove_reaction(self, message: Message, emoji: str) -> None:
        """Take one's own emoji away."""
        self._services.messages.remove_reaction(message, self.user, parse_emoji(emoji))

    async def _command(
        self, kind: InteractionType, channel: Channel, words: str, values: Mapping[str, Any],
        *, wait: bool, focused: str | None = None,
    ) -> InteractionResult:  # fmt: skip
        name, *path = words.removeprefix("/").split()
        found, owners = find_usable_command(self._services, self.user, channel, name, CHAT_INPUT)
        declared, steps = resolve_subcommand(found.data, path)
        if focused is not None and not any(one["name"] == focused and one.get("autocomplete") for one in declared):
            raise ClientRefused(f"The option “{focused}” does not autocomplete.")
        options = CommandOptions(self._services.state, channel.guild, self._upload_for(channel))
        filled = options.fill(declared, values, focused=focused)
        for step in reversed(steps):
            filled = [{**step, "options": filled}]
        data: Json = {"id": str(found.id), "name": found.name, "type": CHAT_INPUT, "options": filled}
        if found.guild_id is not None:
            data["guild_id"] = str(found.guild_id)
        if options.resolved:
            data["resolved"] = options.resolved
        return await self._begin(kind, channel, data, owners, wait=wait)

    async def _use(self, message: Message, control: Json, more: Json, *, wait: bool) -> InteractionResult:
        owners = (message.interaction or {}).get("authorizing_integration_owners")
        if owners is None:
            owners = {"0": str(message.channel.guild.id) if message.channel.guild else "0"}
        data = {"custom_id": control["custom_id"], "component_type": control["type"], "id": control["id"], **more}
        return await self._begin(InteractionType.COMPONENT, message.channel, data, owners, wait=wait, message=message)

    async def _begin(
        self, kind: InteractionType, channel: Channel, data: Json, owners: dict[str, str], *, wait: bool, **about: Any
    ) -> InteractionResult:
        rights = self._services.state.permissions(channel, self.user)
        interaction = self._services.interactions.begin(
            kind, user=self.user, channel=channel, data=data, owners=owners,
            file_limit=self.max_file_bytes(channel),
            always_ephemeral="0" not in owners and not can_reply_publicly(channel, rights), **about,
        )  # fmt: skip
        exchange = InteractionResult(interaction, self._services.interactions)
        return await exchange.wait() if wait else exchange

    def _upload_for(self, channel: Channel) -> Any:
        services = self._services

        def upload(what: Upload) -> tuple[Attachment, Json]:
            if len(what.data) > self.max_file_bytes(channel):
                raise ClientRefused(f"Your files are too powerful: “{what.name}” is over the limit here.")
            kept = services.messages.keep(what, "ephemeral-attachments", services.state.application.id)
            return kept, serialize_attachment(kept, services.cdn)

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
        if message not in self.visible_messages(message.channel):
            raise ClientRefused("You do not see this message.")
