"""Registration of application commands."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.discord import DiscordStandIn
from sandbox.discord.errors import ApiError, FormErrors
from sandbox.discord.validation.commands import validate_command
from tests.sandbox.discord.http_client import HttpClient

Json = dict[str, Any]


def path(standin: DiscordStandIn, guild: str | None = None) -> str:
    scope = f"/guilds/{standin.state.guild(guild).id}" if guild else ""
    return f"/applications/{standin.application_id}{scope}/commands"


def option(name: str = "x", kind: int = 3, **more: Any) -> Json:
    return {"name": name, "description": "d", "type": kind, **more}


def command(*options: Json, **more: Any) -> Json:
    return {"name": "draw", "description": "d", "options": list(options), **more}


def choices(count: int) -> list[Json]:
    return [{"name": f"n{n}", "value": f"v{n}"} for n in range(count)]


def long_choices() -> list[Json]:
    return [{"name": f"{number}" * 50, "value": "v" * 100} for number in range(10, 35)]


@pytest.mark.parametrize(
    ("payload", "error_code"),
    [
        ({"name": "Draw", "description": "d"}, "APPLICATION_COMMAND_INVALID_NAME"),
        ({"name": "two words", "description": "d"}, "APPLICATION_COMMAND_INVALID_NAME"),
        ({"name": "x" * 33, "description": "d"}, "BASE_TYPE_BAD_LENGTH"),
        ({"name": "x", "description": ""}, "BASE_TYPE_REQUIRED"),
        ({"name": "x", "description": "d" * 101}, "BASE_TYPE_BAD_LENGTH"),
        (command(*[option(f"o{n}") for n in range(26)]), "BASE_TYPE_BAD_LENGTH"),
        (command(option("a"), option("b", required=True)), "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID"),
        (command(option("a"), option("a")), "APPLICATION_COMMAND_OPTIONS_NAME_ALREADY_EXISTS"),
        (command(option(kind=12)), "BASE_TYPE_CHOICES"),
        (command(option(choices=choices(26))), "BASE_TYPE_BAD_LENGTH"),
        (command(option(choices=choices(2), autocomplete=True)), "APPLICATION_COMMAND_AUTOCOMPLETE_CHOICES"),
        (command(option(kind=11, autocomplete=True)), "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID"),
        (command(option(choices=[{"name": "n", "value": "v" * 101}])), "BASE_TYPE_BAD_LENGTH"),
        (command(option(kind=4, choices=[{"name": "n", "value": "1"}])), "NUMBER_TYPE_COERCE"),
        (command(option(kind=4, max_value=2**53)), "NUMBER_TYPE_MAX"),
        (command(option(kind=4, min_value=2, max_value=1)), "APPLICATION_COMMAND_OPTIONS_MIN_MAX"),
        (command(option(max_length=6001)), "NUMBER_TYPE_MAX"),
        (command(option("sub", 1), option("b")), "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID"),
        (command(contexts=[0, 2]), "APPLICATION_COMMAND_CONTEXTS_INVALID"),
        (command(*[option(f"o{n}", choices=long_choices()) for n in range(3)]), "APPLICATION_COMMAND_TOO_LARGE"),
        ({"name": "Menu", "type": 3, "description": "d"}, "APPLICATION_COMMANDS_CONTEXT_MENU_DESCRIPTION"),
    ],
)  # fmt: skip
async def test_an_invalid_command_is_refused(
    standin: DiscordStandIn, http: HttpClient, payload: Json, error_code: str
) -> None:
    for method, body in (("POST", payload), ("PUT", [payload])):
        response = await http.request(method, path(standin), body)
        assert (response.status, response.code) == (400, 50035)
        assert error_code in response.error_codes
    assert not standin.commands.all()


async def test_a_guilds_command_has_no_contexts(standin: DiscordStandIn, http: HttpClient) -> None:
    response = await http.request("POST", path(standin, "Sandbox"), command(contexts=[0]))
    assert "APPLICATION_COMMAND_GUILD_PLACES_INVALID" in response.error_codes


async def test_bulk_overwrite_keeps_ids_of_remaining_names(standin: DiscordStandIn, http: HttpClient) -> None:
    first = (await http.request("PUT", path(standin), [command(), {"name": "old", "description": "d"}])).body
    second = (await http.request("PUT", path(standin), [{**command(), "description": "new"}])).body
    assert [(one["id"], one["name"], one["description"]) for one in second] == [(first[0]["id"], "draw", "new")]
    assert second[0]["version"] != first[0]["version"]
    assert (await http.request("GET", path(standin))).body == second


async def test_one_command_is_created_edited_read_and_deleted(standin: DiscordStandIn, http: HttpClient) -> None:
    created = await http.request("POST", path(standin), command())
    repeated = await http.request("POST", path(standin), command())
    assert (created.status, repeated.status, created.body["id"]) == (201, 200, repeated.body["id"])
    command_path = f"{path(standin)}/{created.body['id']}"
    edited = await http.request("PATCH", command_path, {"description": "other"})
    assert (edited.body["name"], edited.body["description"]) == ("draw", "other")
    assert (await http.request("GET", command_path)).body == edited.body
    assert (await http.request("DELETE", command_path)).status == 204
    assert (await http.request("GET", command_path)).code == 10063


async def test_at_most_100_slash_commands_and_15_context_menus(standin: DiscordStandIn, http: HttpClient) -> None:
    many = [{"name": f"c{n}", "description": "d"} for n in range(101)]
    assert (await http.request("PUT", path(standin), many)).code == 30032
    menus = [{"name": f"M {n}", "type": 3} for n in range(15)]
    assert (await http.request("PUT", path(standin), many[:100] + menus)).status == 200
    assert (await http.request("POST", path(standin), {"name": "one more", "type": 3})).code == 30032
    assert (await http.request("POST", path(standin), many[0])).status == 200


async def test_a_guild_command_takes_precedence(standin: DiscordStandIn, http: HttpClient) -> None:
    guild_id = standin.state.guild("Sandbox").id
    await http.request("POST", path(standin), command())
    await http.request("POST", path(standin, "Sandbox"), {**command(), "description": "the guild's"})
    in_guild, in_dm = standin.commands.find("draw", 1, guild_id), standin.commands.find("draw", 1, None)
    assert in_guild is not None
    assert in_dm is not None
    assert (in_guild.data["description"], in_dm.data["description"]) == ("the guild's", "d")
    assert len(standin.commands.visible(guild_id)) == 1


async def test_commands_of_another_application_are_no_access(http: HttpClient) -> None:
    assert (await http.request("GET", "/applications/1/commands")).code == 50001


@pytest.mark.parametrize(
    ("payload", "place"),
    [
        ({"name_localizations": {"xx": "malen"}}, ["name_localizations"]),
        ({"name_localizations": {"de": "Malen"}}, ["name_localizations", "de"]),
        ({"description_localizations": {"de": ""}}, ["description_localizations", "de"]),
        ({"type": 3, "description": "", "name_localizations": {"de": "x" * 33}}, ["name_localizations", "de"]),
        (
            {"options": [{"type": 3, "name": "a", "description": "d",
                          "choices": [{"name": "b", "value": "b", "name_localizations": {"de": "x" * 101}}]}]},
            ["options", "0", "choices", "0", "name_localizations", "de"],
        ),
    ],
)  # fmt: skip
async def test_translations_that_discord_rejects_are_refused(
    standin: DiscordStandIn, http: HttpClient, payload: Json, place: list[str]
) -> None:
    refused = await http.request("POST", path(standin), {"name": "draw", "description": "d", **payload})
    errors: Any = refused.body["errors"]
    for part in place:
        errors = errors[part]
    assert errors["_errors"]
    menu = {"type": 3, "name": "Draw it", "name_localizations": {"de": "Male das", "ja": "描く"}}
    assert (await http.request("POST", path(standin), menu)).status == 201


ANY_VALUE = st.none() | st.integers() | st.text(max_size=5) | st.lists(st.integers())


@given(st.dictionaries(st.text(max_size=8) | st.sampled_from(["options", "type", "contexts"]), ANY_VALUE, max_size=4))
def test_any_command_is_accepted_or_refused_with_errors(payload: Json) -> None:
    for base in ({}, {"name": "draw", "description": "d"}):
        errors = FormErrors()
        validate_command({**base, **payload}, errors, (), in_guild=False)
        if errors:
            with pytest.raises(ApiError) as refused:
                errors.raise_if_any()
            assert refused.value.body["errors"]
