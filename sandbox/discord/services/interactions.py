"""Interactions: from the person's command or click to the application's response, with Discord's deadlines."""

import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from bot.limits import INTERACTION_TOKEN_LIFE, USER_INSTALL_FOLLOWUPS
from sandbox.discord.errors import (
    ALREADY_ACKNOWLEDGED,
    BAD_TOKEN,
    TOO_MANY_FOLLOWUPS,
    UNKNOWN_INTERACTION,
    UNKNOWN_MESSAGE,
    UNKNOWN_WEBHOOK,
    ApiError,
    FormErrors,
)
from sandbox.discord.serializers import serialize_interaction, serialize_interaction_metadata
from sandbox.discord.services.messages import MessageService
from sandbox.discord.state.models import (
    EPHEMERAL,
    LOADING,
    CallbackType,
    Channel,
    Interaction,
    InteractionType,
    Message,
    MessageBody,
)
from sandbox.discord.validation.commands import STRING, validate_choices
from sandbox.discord.validation.components import validate_modal
from sandbox.discord.validation.messages import (
    Mentions,
    MessagePayload,
    build_body,
    resolve_mentions,
    validate_allowed_mentions,
)

Json = dict[str, Any]
C, T = CallbackType, InteractionType

ALLOWED_CALLBACKS = {
    T.COMMAND: {C.MESSAGE, C.DEFERRED_MESSAGE, C.MODAL},
    T.COMPONENT: {C.MESSAGE, C.DEFERRED_MESSAGE, C.DEFERRED_UPDATE, C.UPDATE_MESSAGE, C.MODAL},
    T.AUTOCOMPLETE: {C.CHOICES},
    T.MODAL_SUBMIT: {C.MESSAGE, C.DEFERRED_MESSAGE, C.DEFERRED_UPDATE, C.UPDATE_MESSAGE},
}
REPLY_TYPE, CHAT_INPUT_TYPE, CONTEXT_MENU_TYPE = 19, 20, 23  # of messages
DEFAULT_MENTION_TYPES = frozenset({"users"})


class InteractionService:
    """Keeps every interaction by its token; ``dispatch`` sends a new one to the application."""

    def __init__(self, messages: MessageService, dispatch: Callable[[Interaction, Json], None]) -> None:
        self.messages = messages
        self.state = messages.state
        self._dispatch = dispatch
        self._by_token: dict[str, Interaction] = {}

    def begin(self, type_: InteractionType, **fields: Any) -> Interaction:
        """Create an interaction and send it to the application; ``fields`` are further fields of ``Interaction``."""
        state = self.state
        interaction = Interaction(
            state.ids.next(), secrets.token_urlsafe(48), type_,
            created_at=state.now(), started=state.clock.monotonic(), **fields,
        )  # fmt: skip
        self._by_token[interaction.token] = interaction
        self._dispatch(interaction, serialize_interaction(interaction, self.messages.cdn, state.bot))
        return interaction

    def all(self) -> tuple[Interaction, ...]:
        """Return every interaction, oldest first."""
        return tuple(self._by_token.values())

    def find_by_token(self, application_id: int, token: str) -> Interaction:
        """Return the acknowledged interaction with that token; raise ApiError if the token is not valid any more."""
        if application_id != self.state.application.id:
            raise ApiError(UNKNOWN_WEBHOOK)
        found = self._by_token.get(token)
        if found is None or found.token_expired or self.age(found) >= INTERACTION_TOKEN_LIFE.total_seconds():
            raise ApiError(BAD_TOKEN)
        if found.callback_type is None:
            raise ApiError(UNKNOWN_WEBHOOK)
        return found

    def find_message(self, interaction: Interaction, which: str) -> Message:
        """Return the interaction's message with that id, or its response for ``@original``."""
        messages = [message for message in (interaction.original, *interaction.followups) if message is not None]
        if which == "@original":
            found = interaction.original
        else:
            found = next((message for message in messages if str(message.id) == which), None)
        if found is None or found.deleted:
            raise ApiError(UNKNOWN_MESSAGE)
        return found

    def respond(self, interaction_id: int, token: str, kind: Any, payload: MessagePayload) -> Interaction:
        """Accept the application's first response, or raise ApiError."""
        interaction = self._by_token.get(token)
        if interaction is None or interaction.id != interaction_id or self._is_late(interaction):
            raise ApiError(UNKNOWN_INTERACTION)
        if interaction.callback_type is not None:
            raise ApiError(ALREADY_ACKNOWLEDGED)
        errors = FormErrors()
        errors.check_one_of(kind, [int(one) for one in self._allowed_callbacks(interaction)], "type")
        errors.raise_if_any()
        if kind in {C.MESSAGE, C.DEFERRED_MESSAGE}:
            self._reply(interaction, C(kind), payload)
        elif kind in {C.UPDATE_MESSAGE, C.DEFERRED_UPDATE}:
            self._update(interaction, C(kind), payload)
        elif kind == C.CHOICES:
            interaction.choices = self._validate_choices(interaction, payload.fields)
        else:
            interaction.modal = validate_modal(payload.fields, errors)
            errors.raise_if_any()
        interaction.callback_type = C(kind)
        interaction.latency = self.age(interaction)
        interaction.responded.set()
        self.publish_update(interaction)
        return interaction

    def edit_message(self, message: Message, payload: MessagePayload, limit: int) -> Message:
        """Edit a message with the interaction's token."""
        validate_allowed_mentions(payload.fields.get("allowed_mentions"))
        body = build_body(payload, message.body, limit=limit, store=self.messages.file_store(message.channel))
        if not message.ephemeral:
            self.messages.check_blocked_words(message.channel, body)
        return self.messages.edit(message, body, self._resolve_mentions(body, payload, message.channel))

    def create_followup(self, interaction: Interaction, payload: MessagePayload) -> Message:
        """Create a followup; the first one after a deferred response becomes that response instead."""
        original = interaction.original
        if original is not None and original.loading and not original.deleted:
            return self.edit_message(original, payload, interaction.file_limit)
        if interaction.user_install_only and len(interaction.followups) >= USER_INSTALL_FOLLOWUPS:
            raise ApiError(TOO_MANY_FOLLOWUPS)
        # One that was deleted while it said "thinking" was nothing to reply to; one that was dismissed still is.
        is_gone = original is not None and original.deleted and original.loading
        message = self._create_from_payload(interaction, payload, reply_to=None if is_gone else original)
        interaction.followups.append(message)
        return message

    def publish_update(self, interaction: Interaction) -> None:
        """Publish the application's response, or its absence, to the person's client."""
        data = {
            "id": str(interaction.id),
            "answer": int(interaction.callback_type) if interaction.callback_type else None,
            "modal": interaction.modal,
            "choices": interaction.choices,
            "failed": interaction.callback_type is None,
        }
        user = interaction.user
        self.state.publish("INTERACTION_UPDATE", data, channel=interaction.channel, user=user, audience=user)

    def age(self, interaction: Interaction) -> float:
        """Return the seconds since the interaction was created."""
        return self.state.clock.monotonic() - interaction.started

    def _allowed_callbacks(self, interaction: Interaction) -> set[CallbackType]:
        allowed = ALLOWED_CALLBACKS[interaction.type]
        if interaction.type is T.MODAL_SUBMIT and interaction.message is None:
            return allowed - {C.UPDATE_MESSAGE, C.DEFERRED_UPDATE}
        return allowed

    def _is_late(self, interaction: Interaction) -> bool:
        return interaction.callback_type is None and self.age(interaction) > self.state.ack_seconds

    def _reply(self, interaction: Interaction, kind: CallbackType, payload: MessagePayload) -> None:
        trigger = interaction.message
        if kind is C.MESSAGE:
            interaction.original = self._create_from_payload(interaction, payload, reply_to=trigger)
            return
        flags = payload.fields.get("flags") or 0
        if flags & ~EPHEMERAL:
            errors = FormErrors()
            message = "A deferred response takes only the EPHEMERAL flag"
            errors.add("INTERACTION_CALLBACK_FLAGS", message, "data", "flags")
            errors.raise_if_any()
        if interaction.always_ephemeral:
            flags |= EPHEMERAL
        interaction.original = self._create(interaction, MessageBody(flags=flags | LOADING), None, trigger)

    def _update(self, interaction: Interaction, kind: CallbackType, payload: MessagePayload) -> None:
        message = interaction.message
        if message is None or message.deleted:
            raise ApiError(UNKNOWN_MESSAGE)
        if kind is C.UPDATE_MESSAGE and payload.fields:
            self.edit_message(message, payload, interaction.file_limit)
        interaction.original = message

    def _validate_choices(self, interaction: Interaction, fields: Json) -> list[Json]:
        errors = FormErrors()
        choices = errors.check_objects(fields.get("choices"), 0, 25, "data", "choices")
        validate_choices(choices, _focused_option_type(interaction.data), errors, ("data", "choices"))
        errors.raise_if_any()
        return choices

    def _create_from_payload(
        self, interaction: Interaction, payload: MessagePayload, reply_to: Message | None
    ) -> Message:
        validate_allowed_mentions(payload.fields.get("allowed_mentions"))
        store = self.messages.file_store(interaction.channel)
        body = build_body(payload, None, limit=interaction.file_limit, store=store, ephemeral_ok=True)
        if interaction.always_ephemeral:
            body = replace(body, flags=body.flags | EPHEMERAL)
        if not body.is_ephemeral:
            self.messages.check_blocked_words(interaction.channel, body)
        mentions = self._resolve_mentions(body, payload, interaction.channel)
        return self._create(interaction, body, mentions, reply_to)

    def _resolve_mentions(self, body: MessageBody, payload: MessagePayload, channel: Channel) -> Mentions:
        allowed = payload.fields.get("allowed_mentions")
        return resolve_mentions(body, channel, self.state.bot, allowed, default=DEFAULT_MENTION_TYPES)

    def _create(
        self, interaction: Interaction, body: MessageBody, mentions: Mentions | None, reply_to: Message | None
    ) -> Message:
        bot = self.state.bot
        type_ = CONTEXT_MENU_TYPE if interaction.command_type != 1 else CHAT_INPUT_TYPE
        return self.messages.create(
            interaction.channel, bot, body, mentions,
            type=REPLY_TYPE if reply_to else type_, reference=reply_to,
            audience=interaction.user if body.is_ephemeral else None,
            interaction_metadata=serialize_interaction_metadata(interaction, interaction.original),
            application_id=bot.id, webhook_id=bot.id,
        )  # fmt: skip


def _focused_option_type(data: Json) -> int:
    """Return the type of the option that is being completed."""
    for option in data.get("options") or ():
        if option.get("focused"):
            return int(option["type"])
        if option.get("options"):
            return _focused_option_type(option)
    return STRING
