"""What commands may be registered."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.discord import DiscordStandIn
from sandbox.discord.errors import ApiError
from sandbox.discord.validation.commands import validate_command
from sandbox.discord.validation.form_errors import FormErrors
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
    ("payload", "problem"),
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
async def test_a_command_that_breaks_a_rule_is_refused(
    standin: DiscordStandIn, raw: HttpClient, payload: Json, problem: str
) -> None:
    for method, body in (("POST", payload), ("PUT", [payload])):
        got = await raw.ask(method, path(standin), body)
        assert (got.status, got.code) == (400, 50035)
        assert problem in got.problems
    assert not standin.commands.all()


async def test_a_guilds_command_has_no_contexts(standin: DiscordStandIn, raw: HttpClient) -> None:
    got = await raw.ask("POST", path(standin, "Sandbox"), command(contexts=[0]))
    assert "APPLICATION_COMMAND_GUILD_PLACES_INVALID" in got.problems


async def test_overwriting_keeps_the_ids_of_names_that_stay_and_drops_the_rest(
    standin: DiscordStandIn, raw: HttpClient
) -> None:
    first = (await raw.ask("PUT", path(standin), [command(), {"name": "old", "description": "d"}])).body
    second = (await raw.ask("PUT", path(standin), [{**command(), "description": "new"}])).body
    assert [(one["id"], one["name"], one["description"]) for one in second] == [(first[0]["id"], "draw", "new")]
    assert second[0]["version"] != first[0]["version"]
    assert (await raw.ask("GET", path(standin))).body == second


async def test_a_command_is_made_changed_read_and_deleted_by_itself(standin: DiscordStandIn, raw: HttpClient) -> None:
    made = await raw.ask("POST", path(standin), command())
    again = await raw.ask("POST", path(standin), command())
    assert (made.status, again.status, made.body["id"]) == (201, 200, again.body["id"])
    one = f"{path(standin)}/{made.body['id']}"
    changed = await raw.ask("PATCH", one, {"description": "other"})
    assert (changed.body["name"], changed.body["description"]) == ("draw", "other")
    assert (await raw.ask("GET", one)).body == changed.body
    assert (await raw.ask("DELETE", one)).status == 204
    assert (await raw.ask("GET", one)).code == 10063


async def test_a_hundred_slash_commands_and_fifteen_menus_are_the_most(
    standin: DiscordStandIn, raw: HttpClient
) -> None:
    many = [{"name": f"c{n}", "description": "d"} for n in range(101)]
    assert (await raw.ask("PUT", path(standin), many)).code == 30032
    menus = [{"name": f"M {n}", "type": 3} for n in range(15)]
    assert (await raw.ask("PUT", path(standin), many[:100] + menus)).status == 200
    assert (await raw.ask("POST", path(standin), {"name": "one more", "type": 3})).code == 30032
    assert (await raw.ask("POST", path(standin), many[0])).status == 200


async def test_a_guilds_own_command_goes_before_the_global_one(standin: DiscordStandIn, raw: HttpClient) -> None:
    guild_id = standin.state.guild("Sandbox").id
    await raw.ask("POST", path(standin), command())
    await raw.ask("POST", path(standin, "Sandbox"), {**command(), "description": "the guild's"})
    here, elsewhere = standin.commands.find("draw", 1, guild_id), standin.commands.find("draw", 1, None)
    assert here is not None
    assert elsewhere is not None
    assert (here.data["description"], elsewhere.data["description"]) == ("the guild's", "d")
    assert len(standin.commands.visible(guild_id)) == 1


async def test_another_applications_commands_are_out_of_reach(raw: HttpClient) -> None:
    assert (await raw.ask("GET", "/applications/1/commands")).code == 50001


ODD = st.none() | st.integers() | st.text(max_size=5) | st.lists(st.integers())


@given(st.dictionaries(st.text(max_size=8) | st.sampled_from(["options", "type", "contexts"]), ODD, max_size=4))
def test_whatever_is_sent_as_a_command_is_accepted_or_refused_with_reasons(payload: Json) -> None:
    for base in ({}, {"name": "draw", "description": "d"}):
        problems = FormErrors()
        validate_command({**base, **payload}, problems, (), in_guild=False)
        if problems:
            with pytest.raises(ApiError) as refused:
                problems.check()
            assert refused.value.body["errors"]
