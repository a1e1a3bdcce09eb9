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
from sandbox.discord.post import Post, is_ephemeral
from sandbox.discord.rules.commands import check_choices
from sandbox.discord.rules.files import Sent
from sandbox.discord.rules.mentions import Mentions, check_allowed, read_mentions
from sandbox.discord.rules.messages import compose
from sandbox.discord.rules.modals import check_modal
from sandbox.discord.rules.problems import Problems
from sandbox.discord.wire import interactions as wire
from sandbox.discord.world.interaction import CallbackType, Interaction, InteractionType
from sandbox.discord.world.message import EPHEMERAL, LOADING, Body, Message

if TYPE_CHECKING:
    from collections.abc import Callable

Json = dict[str, Any]
C, T = CallbackType, InteractionType
ANSWERS = {
    T.COMMAND: {C.MESSAGE, C.DEFERRED_MESSAGE, C.MODAL},
    T.COMPONENT: {C.MESSAGE, C.DEFERRED_MESSAGE, C.DEFERRED_UPDATE, C.UPDATE_MESSAGE, C.MODAL},
    T.AUTOCOMPLETE: {C.CHOICES},
    T.MODAL_SUBMIT: {C.MESSAGE, C.DEFERRED_MESSAGE, C.DEFERRED_UPDATE, C.UPDATE_MESSAGE},
}
REPLY, SLASH_REPLY, MENU_REPLY = 19, 20, 23
USERS_ONLY = frozenset({"users"})


class Interactions:
    """Knows every interaction by its token; ``dispatch`` brings a new one to the application."""

    def __init__(self, post: Post) -> None:
        self.post = post
        self.world = post.world
        self.dispatch: Callable[[Interaction, Json], None] = lambda _interaction, _payload: None
        self._by_token: dict[str, Interaction] = {}

    def begin(self, type_: InteractionType, **about: Any) -> Interaction:
        """Make an interaction and bring it to the application; ``about`` are further fields of ``Interaction``."""
        world = self.world
        made = Interaction(
            world.ids.next(), secrets.token_urlsafe(48), type_,
            created_at=world.now(), started=world.clock.monotonic(), **about,
        )  # fmt: skip
        self._by_token[made.token] = made
        self.dispatch(made, wire.interaction(made, self.post.cdn, world.bot))
        return made

    def all(self) -> tuple[Interaction, ...]:
        """Return every interaction there was, oldest first."""
        return tuple(self._by_token.values())

    def by_token(self, application_id: int, token: str) -> Interaction:
        """Return the answered interaction whose token still works, for the webhook routes."""
        if application_id != self.world.application.id:
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

    def answer(self, interaction_id: int, token: str, kind: Any, sent: Sent) -> Interaction:
        """Take the application's first answer, or raise why it is none."""
        found = self._by_token.get(token)
        if found is None or found.id != interaction_id or self._is_late(found):
            raise ApiError(UNKNOWN_INTERACTION)
        if found.answer is not None:
            raise ApiError(ALREADY_ACKNOWLEDGED)
        problems = Problems()
        problems.one_of(kind, [int(one) for one in self._answers(found)], "type")
        problems.check()
        if kind in {C.MESSAGE, C.DEFERRED_MESSAGE}:
            self._reply(found, C(kind), sent)
        elif kind in {C.UPDATE_MESSAGE, C.DEFERRED_UPDATE}:
            self._update(found, C(kind), sent)
        elif kind == C.CHOICES:
            found.choices = self._choices(found, sent.payload)
        else:
            found.modal = check_modal(sent.payload, problems)
            problems.check()
        found.answer = C(kind)
        found.latency = self._age(found)
        found.settled.set()
        self.tell(found)
        return found

    def edit(self, message: Message, sent: Sent, limit: int) -> Message:
        """Change a message over the token road."""
        return self._change(message, sent, limit)

    def follow_up(self, interaction: Interaction, sent: Sent) -> Message:
        """Write a further message; the first one after a deferred answer fills that in instead."""
        first = interaction.original
        if first is not None and first.thinking and not first.deleted:
            return self._change(first, sent, interaction.file_limit)
        if interaction.user_install_only and len(interaction.followups) >= USER_INSTALL_FOLLOWUPS:
            raise ApiError(TOO_MANY_FOLLOWUPS)
        message = self._write(interaction, sent, reply_to=interaction.original)
        interaction.followups.append(message)
        return message

    def tell(self, interaction: Interaction) -> None:
        """Tell the person's client what became of the interaction."""
        data = {
            "id": str(interaction.id),
            "answer": int(interaction.answer) if interaction.answer else None,
            "modal": interaction.modal,
            "choices": interaction.choices,
            "failed": interaction.answer is None,
        }
        person = interaction.user
        self.world.tell("EXCHANGE_UPDATE", data, channel=interaction.channel, user=person, audience=person)

    def _answers(self, found: Interaction) -> set[CallbackType]:
        allowed = ANSWERS[found.type]
        if found.type is T.MODAL_SUBMIT and found.message is None:
            return allowed - {C.UPDATE_MESSAGE, C.DEFERRED_UPDATE}
        return allowed

    def _age(self, interaction: Interaction) -> float:
        return self.world.clock.monotonic() - interaction.started

    def _is_late(self, interaction: Interaction) -> bool:
        return interaction.answer is None and self._age(interaction) > INTERACTION_ACK.total_seconds()

    def _reply(self, interaction: Interaction, kind: CallbackType, sent: Sent) -> None:
        trigger = interaction.message
        if kind is C.MESSAGE:
            interaction.original = self._write(interaction, sent, reply_to=trigger)
            return
        flags = sent.payload.get("flags") or 0
        if flags & ~EPHEMERAL:
            problems = Problems()
            problems.add(
                "INTERACTION_CALLBACK_FLAGS", "A deferred answer takes only the EPHEMERAL flag", "data", "flags"
            )
            problems.check()
        if interaction.always_ephemeral:
            flags |= EPHEMERAL
        interaction.original = self._create(interaction, Body(flags=flags | LOADING), None, trigger)

    def _update(self, interaction: Interaction, kind: CallbackType, sent: Sent) -> None:
        message = interaction.message
        if message is None or message.deleted:
            raise ApiError(UNKNOWN_MESSAGE)
        if kind is C.UPDATE_MESSAGE and sent.payload:
            self._change(message, sent, interaction.file_limit)
        interaction.original = message

    def _choices(self, interaction: Interaction, payload: Json) -> list[Json]:
        problems = Problems()
        choices = problems.objects(payload.get("choices"), 0, 25, "data", "choices")
        check_choices(choices, _focused_type(interaction.data), problems, ("data", "choices"))
        problems.check()
        return choices

    def _write(self, interaction: Interaction, sent: Sent, reply_to: Message | None) -> Message:
        check_allowed(sent.payload.get("allowed_mentions"))
        keep = self.post.keeper(interaction.channel)
        body = compose(sent, None, limit=interaction.file_limit, keep=keep, ephemeral_ok=True)
        if interaction.always_ephemeral:
            body = replace(body, flags=body.flags | EPHEMERAL)
        if not is_ephemeral(body):
            self.post.check_words(interaction.channel, body)
        return self._create(interaction, body, self._mentions(body, sent, interaction.channel), reply_to)

    def _change(self, message: Message, sent: Sent, limit: int) -> Message:
        check_allowed(sent.payload.get("allowed_mentions"))
        body = compose(sent, message.body, limit=limit, keep=self.post.keeper(message.channel))
        if not message.ephemeral:
            self.post.check_words(message.channel, body)
        return self.post.edit(message, body, self._mentions(body, sent, message.channel))

    def _mentions(self, body: Body, sent: Sent, channel: Any) -> Mentions:
        allowed = sent.payload.get("allowed_mentions")
        return read_mentions(body, channel, self.world.bot, allowed, default=USERS_ONLY)

    def _create(
        self, interaction: Interaction, body: Body, mentions: Mentions | None, reply_to: Message | None
    ) -> Message:
        bot = self.world.bot
        kind = MENU_REPLY if interaction.command_type != 1 else SLASH_REPLY
        return self.post.create(
            interaction.channel, bot, body, mentions,
            type=REPLY if reply_to else kind, reference=reply_to,
            audience=interaction.user if is_ephemeral(body) else None,
            interaction=wire.metadata(interaction, interaction.original),
            application_id=bot.id, webhook_id=bot.id,
        )  # fmt: skip


def _focused_type(data: Json) -> int:
    for option in data.get("options") or ():
        if option.get("focused"):
            return int(option["type"])
        if option.get("options"):
            return _focused_type(option)
    return 3
