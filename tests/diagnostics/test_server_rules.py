"""The check names the commands in servers' rules that do not exist."""

from dataclasses import replace

from bot.clock import SystemClock
from bot.rules.server_rules import EVERY_COMMAND, CommandRule, Section, ServerRules
from bot.store.store import Store
from sandbox.environment import Environment
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
