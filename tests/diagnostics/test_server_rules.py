"""The check names the commands in servers' rules that do not exist."""

from dataclasses import replace
from pathlib import Path

import pytest

from bot.clock import SystemClock
from bot.rules.server_rules import EVERY_COMMAND, CommandRule, Section, ServerRules
from bot.store.store import Store
from sandbox.environment import COMMANDS, Environment
from tests.diagnostics.conftest import RunCheck
from tests.store.samples import MIA, T0


async def test_a_rule_of_a_command_that_is_none_is_a_warning(environment: Environment, run_check: RunCheck) -> None:
    off = CommandRule(enabled=False)

    def change(rules: ServerRules) -> ServerRules:
        named = rules.with_command("old", off).with_command("draw", off).with_command("run", off)
        return replace(named.with_command(EVERY_COMMAND, CommandRule(age_restricted=True)), checker="gone")

    store = await Store.open(environment.settings()["DATABASE_URL"], clock=SystemClock())
    await store.servers.change_rules(7, Section.COMMANDS, change, by=MIA, at=T0)
    await store.close()
    code, lines = await run_check(offline=True)
    [line] = [line for line in lines if "server 7" in line]
    assert line.startswith("! The rules of server 7 name /gone and /old, which are no command.")
    assert code == 0


async def test_a_rule_of_a_chain_is_no_warning(environment: Environment, run_check: RunCheck, tmp_path: Path) -> None:
    commands = tmp_path / "chains.toml"
    commands.write_text('[poster]\nsteps = ["draw", "generate"]\n', encoding="utf-8")
    store = await Store.open(environment.settings()["DATABASE_URL"], clock=SystemClock())
    off = CommandRule(enabled=False)
    await store.servers.change_rules(
        7, Section.COMMANDS, lambda rules: rules.with_command("poster", off), by=MIA, at=T0
    )
    await store.close()
    _, lines = await run_check({"COMMANDS_FILE": str(commands)}, offline=True)
    assert not [line for line in lines if "server 7" in line]


@pytest.mark.parametrize(("checker", "is_told"), [("draw", True), ("check", False)])
async def test_a_command_that_cannot_look_at_pictures_warns(
    environment: Environment, run_check: RunCheck, checker: str, *, is_told: bool
) -> None:
    store = await Store.open(environment.settings()["DATABASE_URL"], clock=SystemClock())
    await store.servers.change_rules(7, Section.SAFETY, lambda rules: replace(rules, checker=checker), by=MIA, at=T0)
    await store.close()
    code, lines = await run_check({"COMMANDS": f"{COMMANDS},check=sandbox/classifier"})
    told = [line for line in lines if line.startswith("! The rules of server 7 let /draw look at pictures")]
    assert (len(told), code) == (int(is_told), 0)
