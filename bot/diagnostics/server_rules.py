"""Check that the rules of servers name commands that exist, and let those look at pictures that can."""

from collections.abc import Collection

from bot.catalog.catalog import Catalog
from bot.diagnostics.result import Report, join_names, warned
from bot.picture_checks import can_check
from bot.rules.server_rules import EVERY_COMMAND, ServerRules
from bot.store.errors import StoreError
from bot.store.server_rules import Servers

_SERVERS_SHOWN = 10


async def check_server_rules(servers: Servers, commands: Collection[str], report: Report) -> None:
    """Report each server whose rules name a command that is none; its other rules hold."""
    try:
        stored = await servers.list_rules()
    except StoreError as error:
        report(warned(f"The rules of servers could not be read: {error}"))
        return
    unknown = {guild_id: names for guild_id, rules in stored.items() if (names := _find_unknown(rules, commands))}
    for guild_id, names in list(unknown.items())[:_SERVERS_SHOWN]:
        shown = join_names([f"/{name}" for name in names])
        report(
            warned(
                f"The rules of server {guild_id} name {shown}, which {'is' if len(names) == 1 else 'are'} no command. "
                "Whoever manages it can change that with /server rules."
            )
        )
    if len(unknown) > _SERVERS_SHOWN:
        report(warned(f"So do the rules of {len(unknown) - _SERVERS_SHOWN} more servers."))


async def check_picture_checkers(servers: Servers, catalog: Catalog, report: Report) -> None:
    """Report each server whose pictures are looked at by a command that cannot; it shows none of them."""
    try:
        stored = await servers.list_rules()
    except StoreError:
        return  # reported with the commands
    unusable = {
        guild_id: command.name
        for guild_id, rules in stored.items()
        if (command := catalog.get(rules.checker or "")) is not None and not can_check(command)
    }
    for guild_id, name in list(unusable.items())[:_SERVERS_SHOWN]:
        report(
            warned(
                f"The rules of server {guild_id} let /{name} look at pictures, and it can't: it takes no image, or "
                "makes files. No picture is shown there. Whoever manages it can change that with /server rules."
            )
        )
    if len(unusable) > _SERVERS_SHOWN:
        report(warned(f"So do the rules of {len(unusable) - _SERVERS_SHOWN} more servers."))


def _find_unknown(rules: ServerRules, commands: Collection[str]) -> list[str]:
    named = {*rules.commands, *filter(None, [rules.checker])} - {EVERY_COMMAND}
    return sorted(named - set(commands))
