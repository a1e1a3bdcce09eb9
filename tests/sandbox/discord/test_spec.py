"""The check against Discord's document finds what is wrong; the stand-in's routes are Discord's."""

from datetime import UTC, datetime
from typing import Any

import pytest

from sandbox.discord.rest.server import ROUTES
from sandbox.request_log import Call
from tests.discord_spec import check_discord_answers, check_discord_calls, document, needs_spec

pytestmark = needs_spec
MESSAGES = "/channels/{channel_id}/messages"
ONE = f"{MESSAGES}/{{message_id}}"
COMMANDS = "/applications/{application_id}/commands"
CALLBACK = "/interactions/{interaction_id}/{interaction_token}/callback"
V2 = 1 << 15
TEXT = {"type": 10, "content": "x"}


def call(method: str, route: str, payload: Any = None, answer: Any = None, status: int = 200) -> Call:
    return Call(method, route, route, datetime(2026, 1, 1, tzinfo=UTC), payload=payload, answer=answer, status=status)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_every_route_is_one_of_discords(route: Any) -> None:
    assert route.method.lower() in document()["paths"][route.path]


@pytest.mark.parametrize(
    ("method", "route", "payload", "words"),
    [
        ("POST", MESSAGES, {"content": "x" * 2001}, "over 2000"),
        ("POST", MESSAGES, {"content": "x", "colour": 1}, "unknown field 'colour'"),
        ("POST", MESSAGES, {"embeds": [{"title": "x" * 257}]}, "too long"),
        ("PATCH", ONE, {"flags": V2, "content": "x", "components": [TEXT]}, "beside components V2"),
        ("PATCH", ONE, {"flags": V2, "components": [{"type": 17, "components": [TEXT] * 40}]}, "41 components"),
        ("PATCH", ONE, {"attachments": [{"id": "0"}] * 11}, "too long"),
        ("PUT", COMMANDS, [{"name": "Draw", "description": "d"}], "name 'Draw'"),
        ("PUT", COMMANDS, [{"name": "draw", "description": ""}], "no description"),
        ("POST", CALLBACK, {"type": 9, "data": {"custom_id": "c", "title": "t", "components": []}}, "1 to 5"),
        ("POST", CALLBACK, {"type": 12345}, "not valid"),
        ("GET", "/secret", None, "no route"),
    ],
)
def test_a_bad_request_is_named(method: str, route: str, payload: Any, words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        check_discord_calls([call(method, route, payload)])


def test_a_refused_request_is_named_and_good_ones_pass_with_ids_of_either_kind() -> None:
    refused = call("POST", MESSAGES, {"content": "x"}, {"message": "Invalid Form Body"}, 400)
    refused.code = 50035
    with pytest.raises(AssertionError, match="was answered 400"):
        check_discord_calls([refused])
    check_discord_calls([call("PATCH", ONE, {"attachments": [{"id": 5}, {"id": "6"}], "content": "x"})])


def test_a_bad_answer_is_named() -> None:
    with pytest.raises(AssertionError, match="'type' is a required property"):
        check_discord_answers([call("GET", ONE, answer={"content": "x"})])
