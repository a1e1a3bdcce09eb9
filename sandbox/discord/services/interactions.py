"""Interactions from the person's act to the application's answer, with Discord's deadlines."""

import secrets
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bot.limits import INTERACTION_ACK, INTERACTION_TOKEN_LIFE, USER_INSTALL_FOLLOWUPS
from sandbox.discord.errors import (
    ALREADY_ACKNOWLEDGED,
    BAD_TOKEN,
    TOO_MANY_FOLLOWUPS,
    UNKNOWN_INTERACTION,
    UNKNOWN_MESSAGE,
    UNKNOWN_WEBHOOK,
    ApiError,
)
from sandbox.discord.serializers import serialize_interaction, serialize_interaction_metadata
from sandbox.discord.services.messages import MessageService, is_ephemeral
from sandbox.discord.state.models import (
    EPHEMERAL,
    LOADING,
    CallbackType,
    Interaction,
    InteractionType,
    Message,
    MessageBody,
)
from sandbox.discord.validation.commands import validate_choices
from sandbox.discord.validation.components import validate_modal
from sandbox.discord.validation.form_errors import FormErrors
from sandbox.discord.validation.messages import (
    Mentions,
    MessagePayload,
    build_body,
    resolve_mentions,
    validate_allowed_mentions,
)

if TYPE_CHECKING:
    from collections.abc import Callable

Json = dict[str, Any]
C, T = CallbackType, InteractionType
ALLOWED_CALLBACKS = {
    T.COMMAND: {C.MESSAGE, C.DEFERRED_MESSAGE, C.MODAL},
    T.COMPONENT: {C.MESSAGE, C.DEFERRED_MESSAGE, C.DEFERRED_UPDATE, C.UPDATE_MESSAGE, C.MODAL},
    T.AUTOCOMPLETE: {C.CHOICES},
    T.MODAL_SUBMIT: {C.MESSAGE, C.DEFERRED_MESSAGE, C.DEFERRED_UPDATE, C.UPDATE_MESSAGE},
}
REPLY_TYPE, CHAT_INPUT_TYPE, CONTEXT_MENU_TYPE = 19, 20, 23
DEFAULT_MENTION_TYPES = frozenset({"users"})


class InteractionService:
    """Knows every interaction by its token; ``dispatch`` brings a new one to the application."""

    def __init__(self, messages: MessageService) -> None:
        self.messages = messages
        self.state = messages.state
        self.dispatch: Callable[[Interaction, Json], None] = lambda _interaction, _payload: None
        self._by_token: dict[str, Interaction] = {}

    def begin(self, type_: InteractionType, **about: Any) -> Interaction:
        """Make an interaction and bring it to the application; ``about`` are further fields of ``Interaction``."""
        state = self.state
        made = Interaction(
            state.ids.next(), secrets.token_urlsafe(48), type_,
            created_at=state.now(), started=state.clock.monotonic(), **about,
        )  # fmt: skip
        self._by_token[made.token] = made
        self.dispatch(made, serialize_interaction(made, self.messages.cdn, state.bot))
        return made

    def all(self) -> tuple[Interaction, ...]:
        """Return every interaction there was, oldest first."""
        return tuple(self._by_token.values())

    def by_token(self, application_id: int, token: str) -> Interaction:
        """Return the answered interaction whose token still works, for the webhook routes."""
        if application_id != self.state.application.id:
            raise ApiError(UNKNOWN_WEBHOOK)
        found = self._by_token.get(token)
        if found is None or found.token_expired or self._age(found) >= INTERACTION_TOKEN_LIFE.total_seconds():
            raise ApiError(BAD_TOKEN)
        if found.answer is None:
            raise ApiError(UNKNOWN_WEBHOOK)
        return found

    def message_of(self, interaction: Interaction, which: str) -> Message:
        """Return the message that ``@original`` or an id means to this interaction."""
        mine = [message for message in (interaction.original, *interaction.followups) if message is not None]
        if which == "@original":
            mine = mine[:1] if interaction.original is not None else []
        else:
            mine = [message for message in mine if str(message.id) == which]
        if not mine or mine[0].deleted:
            raise ApiError(UNKNOWN_MESSAGE)
        return mine[0]

    def answer(self, interaction_id: int, token: str, kind: Any, sent: MessagePayload) -> Interaction:
        """Take the application's first answer, or raise why it is none."""
        found = self._by_token.get(token)
        if found is None or found.id != interaction_id or self._is_late(found):
            raise ApiError(UNKNOWN_INTERACTION)
        if found.answer is not None:
            raise ApiError(ALREADY_ACKNOWLEDGED)
        problems = FormErrors()
        problems.one_of(kind, [int(one) for one in self._answers(found)], "type")
        problems.check()
        if kind in {C.MESSAGE, C.DEFERRED_MESSAGE}:
            self._reply(found, C(kind), sent)
        elif kind in {C.UPDATE_MESSAGE, C.DEFERRED_UPDATE}:
            self._update(found, C(kind), sent)
        elif kind == C.CHOICES:
            found.choices = self._choices(found, sent.payload)
        else:
            found.modal = validate_modal(sent.payload, problems)
            problems.check()
        found.answer = C(kind)
        found.latency = self._age(found)
        found.settled.set()
        self.publish(found)
        return found

    def edit(self, message: Message, sent: MessagePayload, limit: int) -> Message:
        """Change a message over the token road."""
        return self._change(message, sent, limit)

    def follow_up(self, interaction: Interaction, sent: MessagePayload) -> Message:
        """Write a further message; the first one after a deferred answer fills that in instead."""
        first = interaction.original
        if first is not None and first.loading and not first.deleted:
            return self._change(first, sent, interaction.file_limit)
        if interaction.user_install_only and len(interaction.followups) >= USER_INSTALL_FOLLOWUPS:
            raise ApiError(TOO_MANY_FOLLOWUPS)
        message = self._write(interaction, sent, reply_to=interaction.original)
        interaction.followups.append(message)
        return message

    def publish(self, interaction: Interaction) -> None:
        """Tell the person's client what became of the interaction."""
        data = {
            "id": str(interaction.id),
            "answer": int(interaction.answer) if interaction.answer else None,
            "modal": interaction.modal,
            "choices": interaction.choices,
            "failed": interaction.answer is None,
        }
        person = interaction.user
        self.state.publish("INTERACTION_UPDATE", data, channel=interaction.channel, user=person, audience=person)

    def _answers(self, found: Interaction) -> set[CallbackType]:
        allowed = ALLOWED_CALLBACKS[found.type]
        if found.type is T.MODAL_SUBMIT and found.message is None:
            return allowed - {C.UPDATE_MESSAGE, C.DEFERRED_UPDATE}
        return allowed

    def _age(self, interaction: Interaction) -> float:
        return self.state.clock.monotonic() - interaction.started

    def _is_late(self, interaction: Interaction) -> bool:
        return interaction.answer is None and self._age(interaction) > INTERACTION_ACK.total_seconds()

    def _reply(self, interaction: Interaction, kind: CallbackType, sent: MessagePayload) -> None:
        trigger = interaction.message
        if kind is C.MESSAGE:
            interaction.original = self._write(interaction, sent, reply_to=trigger)
            return
        flags = sent.payload.get("flags") or 0
        if flags & ~EPHEMERAL:
            problems = FormErrors()
            problems.add(
                "INTERACTION_CALLBACK_FLAGS", "A deferred answer takes only the EPHEMERAL flag", "data", "flags"
            )
            problems.check()
        if interaction.always_ephemeral:
            flags |= EPHEMERAL
        interaction.original = self._create(interaction, MessageBody(flags=flags | LOADING), None, trigger)

    def _update(self, interaction: Interaction, kind: CallbackType, sent: MessagePayload) -> None:
        message = interaction.message
        if message is None or message.deleted:
            raise ApiError(UNKNOWN_MESSAGE)
        if kind is C.UPDATE_MESSAGE and sent.payload:
            self._change(message, sent, interaction.file_limit)
        interaction.original = message

    def _choices(self, interaction: Interaction, payload: Json) -> list[Json]:
        problems = FormErrors()
        choices = problems.objects(payload.get("choices"), 0, 25, "data", "choices")
        validate_choices(choices, _focused_type(interaction.data), problems, ("data", "choices"))
        problems.check()
        return choices

    def _write(self, interaction: Interaction, sent: MessagePayload, reply_to: Message | None) -> Message:
        validate_allowed_mentions(sent.payload.get("allowed_mentions"))
        keep = self.messages.keeper(interaction.channel)
        body = build_body(sent, None, limit=interaction.file_limit, keep=keep, ephemeral_ok=True)
        if interaction.always_ephemeral:
            body = replace(body, flags=body.flags | EPHEMERAL)
        if not is_ephemeral(body):
            self.messages.check_words(interaction.channel, body)
        return self._create(interaction, body, self._mentions(body, sent, interaction.channel), reply_to)

    def _change(self, message: Message, sent: MessagePayload, limit: int) -> Message:
        validate_allowed_mentions(sent.payload.get("allowed_mentions"))
        body = build_body(sent, message.body, limit=limit, keep=self.messages.keeper(message.channel))
        if not message.ephemeral:
            self.messages.check_words(message.channel, body)
        return self.messages.edit(message, body, self._mentions(body, sent, message.channel))

    def _mentions(self, body: MessageBody, sent: MessagePayload, channel: Any) -> Mentions:
        allowed = sent.payload.get("allowed_mentions")
        return resolve_mentions(body, channel, self.state.bot, allowed, default=DEFAULT_MENTION_TYPES)

    def _create(
        self, interaction: Interaction, body: MessageBody, mentions: Mentions | None, reply_to: Message | None
    ) -> Message:
        bot = self.state.bot
        kind = CONTEXT_MENU_TYPE if interaction.command_type != 1 else CHAT_INPUT_TYPE
        return self.messages.create(
            interaction.channel, bot, body, mentions,
            type=REPLY_TYPE if reply_to else kind, reference=reply_to,
            audience=interaction.user if is_ephemeral(body) else None,
            interaction=serialize_interaction_metadata(interaction, interaction.original),
            application_id=bot.id, webhook_id=bot.id,
        )  # fmt: skip


def _focused_type(data: Json) -> int:
    for option in data.get("options") or ():
        if option.get("focused"):
            return int(option["type"])
        if option.get("options"):
            return _focused_type(option)
    return 3
