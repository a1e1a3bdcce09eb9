"""What follows from each of Discord's errors, decided without a request."""

import itertools
from types import SimpleNamespace
from typing import Any

import aiohttp
import discord
import pytest

from bot.runs.snapshot import Phase
from bot.ui.render import strings
from bot.ui.render.rendered_message import Part
from bot.ui.reply.errors import DiscordErrorKind, EditResult, MessageChange, NextStep, classify_error, next_step
from bot.ui.reply.messages import TrackedMessage
from bot.ui.reply.state import ReplyState
from bot.ui.reply.transports import TransportSelector
from bot.ui.requests import MalformedResponse, RequestNotSent
from tests.ui.factories import NOW, make_file, make_place, make_run, make_snapshot

Kind = DiscordErrorKind


def http_error(status: int, code: int = 0) -> discord.HTTPException:
    response: Any = SimpleNamespace(status=status, reason="")
    return discord.HTTPException(response, {"code": code, "message": ""})


def make_state(*, final: bool = False, token_only: bool = False) -> ReplyState:
    run = make_run(place=make_place(token_only=token_only, token=""), prediction_id="p1")
    interaction: Any = SimpleNamespace()
    transports = TransportSelector(discord.Client(intents=discord.Intents(guilds=True)), run)
    transports.interaction = interaction
    state = ReplyState(
        run=run,
        transports=transports,
        new_key=itertools.count(3).__next__,
        messages=[TrackedMessage(0, 1, run.place.message_id), TrackedMessage(1, 2, 500)],
        followups_known=True,
        author_notified=False,
    )
    state.newest = state.attempted = make_snapshot(Phase.SUCCEEDED if final else Phase.RUNNING, make_file(1), run=run)
    return state


def decide(
    state: ReplyState,
    error: Exception,
    *,
    number: int = 0,
    by_bot: bool = True,
    files: int = 0,
    small_pictures: bool = False,
) -> NextStep:
    transport = state.transports.bot if by_bot else state.transports.interaction
    assert transport is not None
    before = (state.restrictions, state.transports.bot, state.transports.interaction, repr(state.messages))
    new_files = tuple(make_file(file) for file in range(1, files + 1))
    step = next_step(
        error,
        state=state,
        message=state.messages[number],
        transport=transport,
        new_files=new_files,
        small_pictures=small_pictures,
        now=NOW,
    )
    assert before == (state.restrictions, state.transports.bot, state.transports.interaction, repr(state.messages))
    return step


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (http_error(404, 10008), Kind.GONE),
        (http_error(404, 10015), Kind.TOKEN_EXPIRED),
        (http_error(401), Kind.TOKEN_EXPIRED),
        (http_error(403, 50013), Kind.NO_ACCESS),
        (http_error(403), Kind.LATER),
        (http_error(404), Kind.LATER),
        (http_error(429, 30046), Kind.TOO_OLD),
        (http_error(429), Kind.LATER),
        (http_error(400, 200000), Kind.BLOCKED),
        (http_error(413), Kind.TOO_LARGE),
        (http_error(400, 40005), Kind.TOO_LARGE),
        (http_error(400, 40094), Kind.TOO_MANY),
        (http_error(400, 50035), Kind.INVALID),
        (http_error(503), Kind.LATER),
        (aiohttp.ClientConnectionError(), Kind.LATER),
        (TimeoutError(), Kind.LATER),
        (MalformedResponse(), Kind.LATER),
        (RequestNotSent(), Kind.LATER),
    ],
    ids=repr,
)
def test_errors_are_classified(error: Exception, kind: DiscordErrorKind) -> None:
    assert classify_error(error) is kind


async def test_busy_discord_is_tried_again_later() -> None:
    assert decide(make_state(), http_error(503)) == NextStep(kind=Kind.LATER, result=EditResult.LATER)


async def test_expired_token_closes_its_transport_only() -> None:
    state, error = make_state(), http_error(404, 10015)
    assert decide(state, error, by_bot=False) == NextStep(kind=Kind.TOKEN_EXPIRED, close_transport=True)
    assert decide(state, error, by_bot=True) == NextStep(kind=Kind.TOKEN_EXPIRED, result=EditResult.LATER)


async def test_message_unknown_to_an_interaction_is_edited_by_the_bot() -> None:
    step = decide(make_state(), http_error(404, 10008), by_bot=False)
    assert step == NextStep(kind=Kind.GONE, message=MessageChange.BOT_ONLY)


@pytest.mark.parametrize("token_only", [False, True])
async def test_deleted_card_ends_the_reply_and_a_follow_up_is_lost(*, token_only: bool) -> None:
    state, error = make_state(token_only=token_only), http_error(404, 10008)
    assert decide(state, error, by_bot=not token_only).result is EditResult.DELETED
    follow_up = decide(state, error, number=1, by_bot=not token_only)
    assert follow_up == NextStep(kind=Kind.GONE, message=MessageChange.LOST)


async def test_old_message_is_skipped_until_the_final_snapshot() -> None:
    error = http_error(429, 30046)
    assert decide(make_state(), error).result is EditResult.SKIPPED
    state = make_state(final=True)
    step = decide(state, error)
    assert (step.result, step.message, step.limit_edits) == (None, MessageChange.RESEND, True)
    assert step.restrictions is not None
    assert step.restrictions.options.mention_author
    assert decide(state, error, number=1).message is MessageChange.LOST
    state.restrictions = step.restrictions
    assert decide(state, error).result is EditResult.CLOSED


async def test_429_without_retry_after_means_too_old_if_scarce() -> None:
    state = make_state()
    assert decide(state, MalformedResponse()).kind is Kind.LATER
    state.transports.edits_are_limited = True
    assert decide(state, MalformedResponse()).kind is Kind.TOO_OLD


async def test_missing_permission_first_costs_the_files() -> None:
    state, error = make_state(), http_error(403, 50013)
    step = decide(state, error, files=2)
    assert step.restrictions is not None
    assert not step.close_transport
    assert set(step.restrictions.options.withheld) == {make_file(1).name, make_file(2).name}
    state.restrictions = step.restrictions
    closing = decide(state, error)
    assert closing.close_transport
    assert closing.restrictions is not None
    assert strings.NO_ACCESS in closing.restrictions.options.remarks


async def test_lost_access_of_the_token_is_not_said_if_the_bot_edits() -> None:
    step = decide(make_state(), http_error(403, 50001), by_bot=False)
    assert step.close_transport
    assert step.restrictions is not None
    assert step.restrictions.options.remarks == ()


async def test_too_large_requests_are_split_then_files_left_out() -> None:
    state, error = make_state(), http_error(413)
    several = decide(state, error, files=3).restrictions
    assert several is not None
    assert several.max_upload == 1500  # half of three files of 1000 bytes
    one = decide(state, error, files=1).restrictions
    assert one is not None
    assert list(one.options.withheld) == [make_file(1).name]
    without = decide(state, error, small_pictures=True).restrictions
    assert without is not None
    assert not without.options.shows(Part.THUMBNAIL)
    assert not without.options.shows(Part.PLACES)
    assert decide(state, error, number=1) == NextStep(kind=Kind.TOO_LARGE, result=EditResult.REFUSED)


@pytest.mark.parametrize("error", [http_error(400, 200000), http_error(400, 50035)], ids=repr)
async def test_refusal_of_a_request_without_a_message_is_final(error: Exception) -> None:
    assert decide(make_state(), error).result is EditResult.REFUSED


async def test_too_many_follow_ups_are_remarked() -> None:
    step = decide(make_state(), http_error(400, 40094), number=1, by_bot=False)
    assert step.message is MessageChange.LOST
    assert step.restrictions is not None
    assert step.restrictions.options.remarks == (strings.explain_too_many("p1"),)
