"""The check against Discord's OpenAPI document finds errors; every route of the stand-in exists in it."""

from datetime import UTC, datetime
from typing import Any

import pytest

from sandbox.discord.rest.request import Route
from sandbox.discord.rest.server import ROUTES
from sandbox.request_log import Call
from tests.discord_spec import check_discord_answers, check_discord_calls, document, needs_spec

pytestmark = needs_spec
MESSAGES = "/channels/{channel_id}/messages"
MESSAGE = f"{MESSAGES}/{{message_id}}"
COMMANDS = "/applications/{application_id}/commands"
CALLBACK = "/interactions/{interaction_id}/{interaction_token}/callback"
V2 = 1 << 15
TEXT = {"type": 10, "content": "x"}
BUTTON = {"type": 2, "style": 2, "custom_id": "again", "label": "Again"}


def row(*inside: dict[str, Any]) -> dict[str, Any]:
    return {"type": 1, "components": [*inside]}


def card(*inside: dict[str, Any]) -> dict[str, Any]:
    return {"flags": V2, "components": [{"type": 17, "components": [*inside]}]}


def make_call(method: str, route: str, body: Any = None, response: Any = None, status: int = 200) -> Call:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return Call(method=method, path=route, route=route, at=at, body=body, response=response, status=status)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_every_route_exists_in_discords_spec(route: Route) -> None:
    assert route.method.lower() in document()["paths"][route.path]


@pytest.mark.parametrize(
    ("method", "route", "body", "expected"),
    [
        ("POST", MESSAGES, {"content": "x" * 2001}, "over 2000"),
        ("POST", MESSAGES, {"content": "x", "colour": 1}, "unknown field 'colour'"),
        ("POST", MESSAGES, {"embeds": [{"title": "x" * 257}]}, "too long"),
        ("PATCH", MESSAGE, {"flags": V2, "content": "x", "components": [TEXT]}, "beside components V2"),
        ("PATCH", MESSAGE, {"flags": V2, "components": [{"type": 17, "components": [TEXT] * 40}]}, "41 components"),
        ("PATCH", MESSAGE, card(row(BUTTON | {"style": 99})), "99 is not valid"),
        ("PATCH", MESSAGE, card(row(BUTTON | {"label": "x" * 81})), "too long"),
        ("PATCH", MESSAGE, card(BUTTON), "not valid"),  # outside a row
        ("PATCH", MESSAGE, card({"type": 12}), "'items' is a required"),
        ("PATCH", MESSAGE, card({"type": 12345}), "not valid"),
        ("PATCH", MESSAGE, {"attachments": [{"id": "0"}] * 11}, "too long"),
        ("PUT", COMMANDS, [{"name": "Draw", "description": "d"}], "name 'Draw'"),
        ("PUT", COMMANDS, [{"name": "draw", "description": ""}], "no description"),
        ("POST", CALLBACK, {"type": 9, "data": {"custom_id": "c", "title": "t", "components": []}}, "1 to 5"),
        ("POST", CALLBACK, {"type": 12345}, "not valid"),
        ("GET", "/secret", None, "no route"),
    ],
)
def test_the_check_names_an_invalid_request(method: str, route: str, body: Any, expected: str) -> None:
    with pytest.raises(AssertionError, match=expected):
        check_discord_calls([make_call(method, route, body)])


def test_the_check_names_refused_requests_and_passes_good_ones() -> None:
    refused = make_call("POST", MESSAGES, {"content": "x"}, {"message": "Invalid Form Body"}, 400)
    refused.code = 50035
    with pytest.raises(AssertionError, match="was answered 400"):
        check_discord_calls([refused])
    check_discord_calls([make_call("PATCH", MESSAGE, card(TEXT, row(BUTTON)))])
    check_discord_calls([make_call("PATCH", MESSAGE, {"attachments": [{"id": 5}, {"id": "6"}], "content": "x"})])


def test_the_check_names_an_invalid_response() -> None:
    with pytest.raises(AssertionError, match="'type' is a required property"):
        check_discord_answers([make_call("GET", MESSAGE, response={"content": "x"})])
