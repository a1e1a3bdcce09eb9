"""What the doctor finds, and whether it names the mend."""

import os
import re
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web

from sandbox.bot_process import BotProcess
from sandbox.discord.state.permissions import Permission
from sandbox.environment import Environment
from tests.diagnostics.conftest import Doctor

README = Path(__file__).parents[2] / "README.md"
KNOWN = "fofr/consistent-character:9c77a3c2f884193fcee4d89645f02a0b9def9434f9e03cb98460456b831c8772"


def wrong(lines: list[str]) -> list[str]:
    """Return the lines of what is wrong; every line is one or the other."""
    assert all(line[:2] in ("✓ ", "✗ ") for line in lines), lines
    return [line[2:] for line in lines if line.startswith("✗")]


async def test_nothing_is_wrong_with_a_house_in_order(doctor: Doctor) -> None:
    code, lines = await doctor()
    assert (code, wrong(lines)) == (0, [])
    told = "\n".join(lines)
    for part in ("Settings", "Database", "sandbox's (user)", "/generate", "Application", "Gateway", "“Sandbox”"):
        assert part in told
    assert "subject" in told, "the options that a command would have are told"


async def test_nothing_is_registered_and_nothing_is_spent_by_looking(environment: Environment, doctor: Doctor) -> None:
    await doctor()
    assert environment.discord.commands.all() == []
    assert {call.method for call in environment.discord.calls} == {"GET"}
    assert {call.method for call in environment.replicate.calls} == {"GET"}


@dataclass(frozen=True)
class Mistake:
    """One thing that is wrong, and words of the sentence that should name it and its mend."""

    words: tuple[str, ...]
    settings: dict[str, str] = field(default_factory=dict)
    make: Callable[[Environment], object] = lambda _: None


def _pictures(environment: Environment) -> None:
    environment.discord.faults.deny_permission(environment.discord.state.channel("pictures"), Permission.ATTACH_FILES)


def _everywhere(environment: Environment) -> None:
    for guild in environment.discord.state.guilds.values():
        guild.everyone.permissions &= ~Permission.ADD_REACTIONS


def _thrown_out(environment: Environment) -> None:
    for guild in environment.discord.state.guilds.values():
        guild.members.pop(environment.discord.state.bot.id, None)


MISTAKES = {
    "Discord's token": Mistake(("DISCORD_TOKEN", "Bot page"), {"DISCORD_TOKEN": "bm9ib2R5.at.all"}),
    "Replicate's token": Mistake(("REPLICATE_API_TOKEN", "account/api-tokens"), {"REPLICATE_API_TOKEN": "r8_nobody"}),
    "Replicate's address": Mistake(("not reached", "REPLICATE_BASE_URL"), {"REPLICATE_BASE_URL": "http://127.0.0.1:9"}),
    "Discord's address": Mistake(("not reached", "DISCORD_API_URL"), {"DISCORD_API_URL": "http://127.0.0.1:9/api/v10"}),
    "the gateway's address": Mistake(("gateway", "web sockets"), {"DISCORD_GATEWAY_URL": "ws://127.0.0.1:9/"}),
    "a model": Mistake(("/draw", "find nobody/nothing"), {"COMMANDS": f"generate={KNOWN},draw=nobody/nothing"}),
    "a version": Mistake(
        ("/generate", "not its version 000000000000", "Its newest is"),
        {"COMMANDS": f"generate=fofr/consistent-character:{'0' * 64}"},
    ),
    "the database's place": Mistake(("cannot be made", "DATABASE_URL"), {"DATABASE_URL": "sqlite:////dev/null/bot.db"}),
    "a database in memory": Mistake(("no file", "forgotten"), {"DATABASE_URL": "sqlite://"}),
    "a permission in a channel": Mistake(("“Sandbox”, #pictures", "Attach Files", "Edit Channel"), make=_pictures),
    "a permission everywhere": Mistake(("“Sandbox”", "Add Reactions", "permissions=274878024768"), make=_everywhere),
    "no server": Mistake(("no server", "permissions=274878024768"), make=_thrown_out),
    "a server that it is not in": Mistake(("COMMAND_GUILD 1 ", "unset"), {"COMMAND_GUILD": "1"}),
}  # fmt: skip


@pytest.mark.parametrize("which", MISTAKES)
async def test_a_mistake_is_found_and_its_mend_named(environment: Environment, doctor: Doctor, which: str) -> None:
    mistake = MISTAKES[which]
    mistake.make(environment)
    code, lines = await doctor(**mistake.settings)
    assert code == 1
    [sentence] = wrong(lines)
    for word in mistake.words:
        assert word in sentence


async def test_everything_else_is_still_looked_at(doctor: Doctor) -> None:
    mistakes = ("Discord's token", "Replicate's token", "the database's place")
    settings = {name: value for which in mistakes for name, value in MISTAKES[which].settings.items()}
    _, lines = await doctor(**settings)
    assert len(wrong(lines)) == 3


async def test_no_line_shows_a_secret(doctor: Doctor) -> None:
    _, lines = await doctor(DISCORD_TOKEN="bm9ib2R5.at.all-of-them", REPLICATE_API_TOKEN="r8_nobody_at_all")
    told = "\n".join(lines)
    assert "bm9ib2R5" not in told
    assert "r8_" not in told


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"COMMANDS_FILE": "bad.toml"}, ("bad.toml", "is not valid TOML")),
        ({"COMMANDS_FILE": "missing.toml"}, ("missing.toml", "cannot be read")),
        ({"COMMANDS": "draw=a/b,draw=a/c"}, ("/draw is configured twice", "Remove one")),
        ({"DISCORD_TOKEN": ""}, ("DISCORD_TOKEN is not set", "Bot page")),
    ],
)
async def test_wrong_settings_are_told_and_nothing_else_is_tried(
    environment: Environment, doctor: Doctor, tmp_path: Path, settings: dict[str, str], words: tuple[str, ...]
) -> None:
    (tmp_path / "bad.toml").write_text("[draw\n")
    code, lines = await doctor(**settings)
    assert code == 2
    [sentence] = wrong(lines)
    assert all(word in sentence for word in words)
    assert environment.discord.calls == []


async def test_an_input_that_the_model_does_not_take_is_named(doctor: Doctor, tmp_path: Path) -> None:
    file = tmp_path / "commands.toml"
    file.write_text(f'[me]\nmodel = "{KNOWN}"\nhidden = ["sedd"]\n')
    code, lines = await doctor(COMMANDS="", COMMANDS_FILE=file)
    assert code == 1
    [sentence] = wrong(lines)
    assert "/me" in sentence
    assert "sedd" in sentence
    assert "seed" in sentence


async def test_default_the_model_rejects_is_named(doctor: Doctor, tmp_path: Path) -> None:
    file = tmp_path / "commands.toml"
    file.write_text(f'[me]\nmodel = "{KNOWN}"\ndefaults = {{ seed = "lucky" }}\n')
    code, lines = await doctor(COMMANDS="", COMMANDS_FILE=file)
    assert code == 1
    [sentence] = wrong(lines)
    assert "/me" in sentence
    assert "`seed` must be a whole number (you entered “lucky”)" in sentence


async def test_a_port_that_another_program_holds_is_named(doctor: Doctor) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        code, lines = await doctor(HTTP_PORT=other.getsockname()[1], offline=True)
    assert code == 1
    [sentence] = wrong(lines)
    assert "HTTP_PORT" in sentence


async def test_a_bot_that_runs_already_is_not_a_mistake(environment: Environment, doctor: Doctor) -> None:
    port = _free_port()
    environment.bot = BotProcess(
        settings=environment.settings() | {"HTTP_PORT": str(port)}, folder=environment.database_path.parent
    )
    await environment.start_bot()
    code, lines = await doctor(HTTP_PORT=port)
    assert (code, wrong(lines)) == (0, [])
    assert any("a Replicord is running" in line for line in lines)
    assert any("as it should" in line for line in lines), "what Discord has is what the bot would register"


async def test_a_signed_delivery_is_sent_the_way_that_replicate_takes(doctor: Doctor) -> None:
    port = _free_port()
    code, lines = await doctor(HTTP_PORT=port, WEBHOOK_URL=f"http://127.0.0.1:{port}")
    assert (code, wrong(lines)) == (0, [])
    assert any("found its way in" in line for line in lines)


async def test_a_webhook_secret_that_is_refused_is_named(environment: Environment, doctor: Doctor) -> None:
    environment.replicate.faults.add("forbidden", on="GET /v1/webhooks/*", times=None)
    port = _free_port()
    code, lines = await doctor(HTTP_PORT=port, WEBHOOK_URL=f"http://127.0.0.1:{port}")
    assert code == 1
    [sentence] = wrong(lines)
    assert "WEBHOOK_URL" in sentence
    assert "secret" in sentence


async def test_a_webhook_address_that_leads_elsewhere_is_named(doctor: Doctor) -> None:
    runner = web.AppRunner(web.Application())
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        elsewhere = f"http://127.0.0.1:{runner.addresses[0][1]}"
        code, lines = await doctor(HTTP_PORT=_free_port(), WEBHOOK_URL=elsewhere)
    finally:
        await runner.cleanup()
    assert code == 1
    [sentence] = wrong(lines)
    assert f"{elsewhere} answered 404" in sentence


async def test_offline_asks_nobody(environment: Environment, doctor: Doctor) -> None:
    code, lines = await doctor(offline=True)
    assert (code, wrong(lines)) == (0, [])
    assert environment.discord.calls == []
    assert not list(environment.replicate.calls)


async def test_what_the_next_start_changes_is_told(doctor: Doctor) -> None:
    _, lines = await doctor()
    [line] = [line for line in lines if line.startswith("✓ Commands")]
    assert "Discord has 0; the next start adds /" in line
    names = re.findall(r"/([\w ]+?)(?=,| and |\.)", line)
    assert {"generate", "about"} < set(names)
    told = README.read_text()
    assert [name for name in names if name not in told] == [], "the README names every command that there is"


def _free_port() -> int:
    """Return a port below those that the system gives to outgoing connections, so that none takes it meanwhile."""
    for port in range(20_000 + os.getpid() % 10_000, 32_000):
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise AssertionError("every port is taken")
