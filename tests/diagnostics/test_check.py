"""What the self-check finds, and whether it says how to fix it."""

import re
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from bot.invites import server_invite
from sandbox.bot_process import BotProcess
from sandbox.discord.state.permissions import Permission
from sandbox.environment import Environment
from sandbox.loopback import find_free_port
from tests.diagnostics.conftest import RunCheck

COMMANDS_PAGE = Path(__file__).parents[2] / "docs" / "commands.md"
KNOWN = "fofr/consistent-character:9c77a3c2f884193fcee4d89645f02a0b9def9434f9e03cb98460456b831c8772"


def failures(lines: list[str]) -> list[str]:
    """Return the sentences of the failed checks; every line is a result."""
    assert all(line[:2] in ("✓ ", "✗ ", "! ") for line in lines), lines
    return [line[2:] for line in lines if line.startswith("✗")]


async def test_everything_passes_in_a_correct_setup(run_check: RunCheck) -> None:
    code, lines = await run_check()
    assert (code, failures(lines)) == (0, [])
    text = "\n".join(lines)
    for part in (
        "Settings",
        "Database",
        "belongs to sandbox (user)",
        "/generate",
        "Application",
        "Gateway",
        "“Sandbox”",
    ):
        assert part in text
    assert "subject" in text, "the options of the command are listed"


async def test_check_changes_nothing_and_costs_nothing(environment: Environment, run_check: RunCheck) -> None:
    await run_check()
    assert environment.discord.commands.all() == []
    assert {call.method for call in environment.discord.calls} == {"GET"}
    assert {call.method for call in environment.replicate.calls} == {"GET"}


@dataclass(frozen=True)
class Mistake:
    """One thing that is wrong, and parts of the sentence that should name it and the fix."""

    parts: tuple[str, ...]
    settings: dict[str, Any] = field(default_factory=dict)
    apply: Callable[[Environment], object] = lambda _: None


def _deny_in_channel(environment: Environment) -> None:
    environment.discord.faults.deny_permission(environment.discord.state.channel("pictures"), Permission.ATTACH_FILES)


def _deny_in_server(environment: Environment) -> None:
    for guild in environment.discord.state.guilds.values():
        guild.everyone.permissions &= ~Permission.ADD_REACTIONS


def _remove_bot(environment: Environment) -> None:
    for guild in environment.discord.state.guilds.values():
        guild.members.pop(environment.discord.state.bot.id, None)


MISTAKES = {
    "Discord's token": Mistake(("DISCORD_TOKEN", "Bot page"), {"DISCORD_TOKEN": "bm9ib2R5.at.all"}),
    "Replicate's token": Mistake(("REPLICATE_API_TOKEN", "account/api-tokens"), {"REPLICATE_API_TOKEN": "r8_nobody"}),
    "Replicate's address": Mistake(
        ("cannot be reached", "REPLICATE_BASE_URL"), {"REPLICATE_BASE_URL": "http://127.0.0.1:9"}
    ),
    "Discord's address": Mistake(
        ("cannot be reached", "DISCORD_API_URL"), {"DISCORD_API_URL": "http://127.0.0.1:9/api/v10"}
    ),
    "the gateway's address": Mistake(("gateway", "WebSocket"), {"DISCORD_GATEWAY_URL": "ws://127.0.0.1:9/"}),
    "a model": Mistake(("/draw", "find nobody/nothing"), {"COMMANDS": f"generate={KNOWN},draw=nobody/nothing"}),
    "a version": Mistake(
        ("/generate", "has no version 000000000000", "Its latest version is"),
        {"COMMANDS": f"generate=fofr/consistent-character:{'0' * 64}"},
    ),
    "the database's path": Mistake(
        ("cannot be created", "DATABASE_URL"), {"DATABASE_URL": "sqlite:////dev/null/bot.db"}
    ),
    "a database in memory": Mistake(("no file", "are lost"), {"DATABASE_URL": "sqlite://"}),
    "a permission in a channel": Mistake(
        ("“Sandbox”, #pictures", "Attach Files", "Edit Channel"), apply=_deny_in_channel
    ),
    "a permission in the server": Mistake(
        ("“Sandbox”", "Add Reactions", "permissions=274878024768"), apply=_deny_in_server
    ),
    "no server": Mistake(("no server", "permissions=274878024768"), apply=_remove_bot),
    "a server the bot is not in": Mistake(("not in server 1 (COMMAND_GUILD)", "unset"), {"COMMAND_GUILD": "1"}),
}


@pytest.mark.parametrize("name", MISTAKES)
async def test_mistake_is_found_with_its_fix(environment: Environment, run_check: RunCheck, name: str) -> None:
    mistake = MISTAKES[name]
    mistake.apply(environment)
    code, lines = await run_check(mistake.settings)
    assert code == 1
    [sentence] = failures(lines)
    for part in mistake.parts:
        assert part in sentence


async def test_other_checks_run_after_a_failure(run_check: RunCheck) -> None:
    mistakes = [MISTAKES[name] for name in ("Discord's token", "Replicate's token", "the database's path")]
    settings: dict[str, Any] = {name: value for mistake in mistakes for name, value in mistake.settings.items()}
    _, lines = await run_check(settings)
    assert len(failures(lines)) == 3


async def test_no_line_shows_a_secret(run_check: RunCheck) -> None:
    _, lines = await run_check({"DISCORD_TOKEN": "bm9ib2R5.at.all-of-them", "REPLICATE_API_TOKEN": "r8_nobody_at_all"})
    text = "\n".join(lines)
    assert "bm9ib2R5" not in text
    assert "r8_" not in text


@pytest.mark.parametrize(
    ("settings", "parts"),
    [
        ({"COMMANDS_FILE": "bad.toml"}, ("bad.toml", "is not valid TOML")),
        ({"COMMANDS_FILE": "missing.toml"}, ("missing.toml", "cannot be read")),
        ({"COMMANDS": "draw=a/b,draw=a/c"}, ("/draw is configured twice", "Remove one")),
        ({"DISCORD_TOKEN": ""}, ("DISCORD_TOKEN is not set", "Bot page")),
        ({"DATABASE_URL": "mysql://localhost/bot"}, ("DATABASE_URL uses mysql", "Example: sqlite")),
        ({"DATABASE_URL": "nowhere"}, ("DATABASE_URL is not a URL", "Example: sqlite")),
    ],
)
async def test_invalid_settings_stop_the_check(
    environment: Environment, run_check: RunCheck, tmp_path: Path, settings: dict[str, Any], parts: tuple[str, ...]
) -> None:
    (tmp_path / "bad.toml").write_text("[draw\n")
    code, lines = await run_check(settings)
    assert code == 2
    [sentence] = failures(lines)
    assert all(part in sentence for part in parts)
    assert environment.discord.calls == []


async def test_unknown_input_of_a_command_is_named(run_check: RunCheck, tmp_path: Path) -> None:
    file = tmp_path / "commands.toml"
    file.write_text(f'[mine]\nmodel = "{KNOWN}"\nhidden = ["sedd"]\n')
    code, lines = await run_check({"COMMANDS": "", "COMMANDS_FILE": file})
    assert code == 1
    [sentence] = failures(lines)
    assert "/mine" in sentence
    assert "sedd" in sentence
    assert "seed" in sentence


async def test_default_rejected_by_the_model_is_named(run_check: RunCheck, tmp_path: Path) -> None:
    file = tmp_path / "commands.toml"
    file.write_text(f'[mine]\nmodel = "{KNOWN}"\ndefaults = {{ seed = "lucky" }}\n')
    code, lines = await run_check({"COMMANDS": "", "COMMANDS_FILE": file})
    assert code == 1
    [sentence] = failures(lines)
    assert "/mine" in sentence
    assert "`seed` must be a whole number (you entered “lucky”)" in sentence


async def test_a_chain_that_does_not_fit_is_named(run_check: RunCheck, tmp_path: Path) -> None:
    file = tmp_path / "commands.toml"
    file.write_text(f'[mine]\nmodel = "{KNOWN}"\n[good]\nsteps = ["mine", "mine"]\n[bad]\nsteps = ["mine", "talk"]\n')
    code, lines = await run_check({"COMMANDS": "talk=meta/meta-llama-3-8b-instruct", "COMMANDS_FILE": file})
    assert code == 1
    [sentence] = failures(lines)
    assert "/bad in COMMANDS_FILE: /talk takes no picture, so it can't follow a step." in sentence
    assert any("/good: a chain of /mine → /mine." in line for line in lines)


async def test_port_in_use_is_named(run_check: RunCheck) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        code, lines = await run_check({"HTTP_PORT": other.getsockname()[1]}, offline=True)
    assert code == 1
    [sentence] = failures(lines)
    assert "HTTP_PORT" in sentence


async def test_running_bot_is_no_failure(environment: Environment, run_check: RunCheck) -> None:
    port = find_free_port()
    environment.bot = BotProcess(
        settings=environment.settings() | {"HTTP_PORT": str(port)}, folder=environment.database_path.parent
    )
    await environment.start_bot()
    code, lines = await run_check({"HTTP_PORT": port})
    assert (code, failures(lines)) == (0, [])
    assert any("in use by a running Replicord" in line for line in lines)
    assert any("up to date" in line and line.startswith("✓ Commands") for line in lines), (
        "what Discord has is what the bot would register"
    )


async def test_signed_webhook_arrives(run_check: RunCheck) -> None:
    port = find_free_port()
    code, lines = await run_check({"HTTP_PORT": port, "WEBHOOK_URL": f"http://127.0.0.1:{port}"})
    assert (code, failures(lines)) == (0, [])
    assert any("test webhook arrived" in line for line in lines)


async def test_missing_webhook_secret_is_named(environment: Environment, run_check: RunCheck) -> None:
    environment.replicate.faults.add("forbidden", on="GET /v1/webhooks/*", times=None)
    port = find_free_port()
    code, lines = await run_check({"HTTP_PORT": port, "WEBHOOK_URL": f"http://127.0.0.1:{port}"})
    assert code == 1
    [sentence] = failures(lines)
    assert "WEBHOOK_URL" in sentence
    assert "secret" in sentence


async def test_webhook_url_of_another_server_is_named(run_check: RunCheck) -> None:
    runner = web.AppRunner(web.Application())
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        elsewhere = f"http://127.0.0.1:{runner.addresses[0][1]}"
        code, lines = await run_check({"HTTP_PORT": find_free_port(), "WEBHOOK_URL": elsewhere})
    finally:
        await runner.cleanup()
    assert code == 1
    [sentence] = failures(lines)
    assert f"{elsewhere} responded with status 404" in sentence


async def test_offline_check_sends_no_requests(environment: Environment, run_check: RunCheck) -> None:
    code, lines = await run_check(offline=True)
    assert (code, failures(lines)) == (0, [])
    assert environment.discord.calls == []
    assert not list(environment.replicate.calls)


OFFICIAL = {"DISCORD_API_URL": "https://discord.com/api/v10", "REPLICATE_BASE_URL": "https://api.replicate.com"}


async def test_offline_check_prints_the_finished_invitation(environment: Environment, run_check: RunCheck) -> None:
    _, lines = await run_check(offline=True)
    assert f"✓ Invite the bot to a server: {server_invite(environment.discord.application_id)}" in lines


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({**OFFICIAL, "DISCORD_TOKEN": "client.secret.here"}, "DISCORD_TOKEN does not look like a bot token"),
        ({**OFFICIAL, "REPLICATE_API_TOKEN": "sk-other"}, "REPLICATE_API_TOKEN does not look like Replicate's"),
        ({"RUN_DEADLINE": "30"}, "RUN_DEADLINE is 30s: runs are stopped after it"),
        ({"KEEP_PROMPTS": "30"}, "KEEP_PROMPTS is 30s: prompts, inputs and outputs are deleted after it"),
    ],
)
async def test_offline_check_warns_of_what_is_hardly_meant(
    run_check: RunCheck, settings: dict[str, Any], words: str
) -> None:
    code, lines = await run_check(settings, offline=True)
    assert code == 0
    [warning] = [line for line in lines if line.startswith("!")]
    assert words in warning


async def test_pending_command_changes_are_listed(run_check: RunCheck) -> None:
    _, lines = await run_check()
    [line] = [line for line in lines if line.startswith("✓ Commands")]
    assert "0 registered with Discord; the next start adds /" in line
    names = re.findall(r"/([\w ]+?)(?=,| and |\.)", line)
    assert "about" in names
    page = COMMANDS_PAGE.read_text()
    assert [name for name in names if name not in page] == [], "docs/commands.md lists every command"


@pytest.mark.parametrize("content", ["LOG_LEVEL=info\n".encode("utf-16"), b"ABOUT_URL=https://x/\xfc\n"])
async def test_a_dotenv_in_another_encoding_stops_the_check(
    environment: Environment, run_check: RunCheck, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / ".env").write_bytes(content)
    code, lines = await run_check()
    assert code == 2
    [sentence] = failures(lines)
    assert "Save it as UTF-8" in sentence
    assert environment.discord.calls == []


async def test_a_dotenv_with_flaws_is_warned_of(run_check: RunCheck, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("RUNS_PER_USR=2\n")
    (tmp_path / ".env").chmod(0o644)
    code, lines = await run_check(offline=True)
    assert (code, failures(lines)) == (0, [])
    assert [line for line in lines if line.startswith("!")] == [
        "! Other users of this machine can read .env and the tokens in it. Run: chmod 600 .env",
        "! RUNS_PER_USR is not a setting. Did you mean RUNS_PER_USER?",
    ]
    (tmp_path / ".env").write_text("RUNS_PER_USER=2\n")
    (tmp_path / ".env").chmod(0o600)
    _, lines = await run_check(offline=True)
    assert not [line for line in lines if line.startswith("!")]


@pytest.mark.parametrize("host", ["..", "a" * 300, "no host"])
async def test_a_host_that_is_none_is_named(run_check: RunCheck, host: str) -> None:
    code, lines = await run_check({"HTTP_HOST": host, "HTTP_PORT": 0}, offline=True)
    assert code == 1
    [sentence] = failures(lines)
    assert "HTTP_HOST" in sentence


async def test_a_ban_is_told_without_its_page(environment: Environment, run_check: RunCheck) -> None:
    environment.discord.faults.ban(times=None)
    code, lines = await run_check()
    assert code == 1
    [sentence] = failures(lines)
    assert "429" in sentence
    assert "<html" not in sentence
