"""Registering commands, global ones and those of one guild."""

from sandbox.discord.errors import BAD_REQUEST, MISSING_ACCESS, ApiError
from sandbox.discord.rest import access
from sandbox.discord.rest.ask import NO_CONTENT, Answer, Ask, Route
from sandbox.discord.rest.buckets import COMMANDS
from sandbox.discord.site import Site


async def list_commands(site: Site, ask: Ask) -> Answer:
    """Answer the commands of the scope."""
    return Answer([command.data for command in site.commands.all(_scope(site, ask))])


async def replace_commands(site: Site, ask: Ask) -> Answer:
    """Register exactly these commands."""
    scope = _scope(site, ask)
    if not isinstance(ask.payload, list):
        raise ApiError(BAD_REQUEST)
    return Answer([command.data for command in site.commands.replace(ask.payload, scope)])


async def create_command(site: Site, ask: Ask) -> Answer:
    """Register one command; one of the same name is replaced."""
    command, new = site.commands.put(ask.object(), _scope(site, ask))
    return Answer(command.data, 201 if new else 200)


async def get_command(site: Site, ask: Ask) -> Answer:
    """Answer one command."""
    scope = _scope(site, ask)
    return Answer(site.commands.get(ask.id("command_id"), scope).data)


async def edit_command(site: Site, ask: Ask) -> Answer:
    """Change some fields of a command."""
    scope = _scope(site, ask)
    return Answer(site.commands.patch(ask.id("command_id"), ask.object(), scope).data)


async def delete_command(site: Site, ask: Ask) -> Answer:
    """Take a command away."""
    scope = _scope(site, ask)
    site.commands.delete(ask.id("command_id"), scope)
    return NO_CONTENT


def _scope(site: Site, ask: Ask) -> int | None:
    if ask.id("application_id") != site.world.application.id:
        raise ApiError(MISSING_ACCESS)
    return access.guild_of(site, ask).id if "guild_id" in ask.params else None


def _routes(path: str) -> tuple[Route, ...]:
    one = f"{path}/{{command_id}}"
    return (
        Route("GET", path, list_commands, COMMANDS),
        Route("PUT", path, replace_commands, COMMANDS),
        Route("POST", path, create_command, COMMANDS),
        Route("GET", one, get_command, COMMANDS),
        Route("PATCH", one, edit_command, COMMANDS),
        Route("DELETE", one, delete_command, COMMANDS),
    )


ROUTES = (
    *_routes("/applications/{application_id}/commands"),
    *_routes("/applications/{application_id}/guilds/{guild_id}/commands"),
)
