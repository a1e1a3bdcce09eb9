"""Routes of application commands, global and per guild."""

from sandbox.discord.errors import BAD_REQUEST, MISSING_ACCESS, ApiError
from sandbox.discord.rest.request import NO_CONTENT, ApiRequest, ApiResponse, Route, require_guild
from sandbox.discord.services import Services
from sandbox.discord.services.rate_limits import COMMANDS


async def list_commands(services: Services, request: ApiRequest) -> ApiResponse:
    return ApiResponse([command.data for command in services.commands.in_scope(_guild_id(services, request))])


async def replace_commands(services: Services, request: ApiRequest) -> ApiResponse:
    """Replace all commands of the scope."""
    guild_id = _guild_id(services, request)
    if not isinstance(request.body, list):
        raise ApiError(BAD_REQUEST)
    return ApiResponse([command.data for command in services.commands.replace_all(request.body, guild_id)])


async def create_command(services: Services, request: ApiRequest) -> ApiResponse:
    """Register one command; one with the same name is replaced."""
    command, new = services.commands.register(request.json_object(), _guild_id(services, request))
    return ApiResponse(command.data, 201 if new else 200)


async def get_command(services: Services, request: ApiRequest) -> ApiResponse:
    guild_id = _guild_id(services, request)
    return ApiResponse(services.commands.get(request.id("command_id"), guild_id).data)


async def edit_command(services: Services, request: ApiRequest) -> ApiResponse:
    guild_id = _guild_id(services, request)
    return ApiResponse(services.commands.update(request.id("command_id"), request.json_object(), guild_id).data)


async def delete_command(services: Services, request: ApiRequest) -> ApiResponse:
    guild_id = _guild_id(services, request)
    services.commands.delete(request.id("command_id"), guild_id)
    return NO_CONTENT


def _guild_id(services: Services, request: ApiRequest) -> int | None:
    """Return the scope: the id of a guild that the bot is a member of, or None for global commands."""
    if request.id("application_id") != services.state.application.id:
        raise ApiError(MISSING_ACCESS)
    return require_guild(services, request).id if "guild_id" in request.params else None


def _build_routes(path: str) -> tuple[Route, ...]:
    command_path = f"{path}/{{command_id}}"
    return (
        Route("GET", path, list_commands, COMMANDS),
        Route("PUT", path, replace_commands, COMMANDS),
        Route("POST", path, create_command, COMMANDS),
        Route("GET", command_path, get_command, COMMANDS),
        Route("PATCH", command_path, edit_command, COMMANDS),
        Route("DELETE", command_path, delete_command, COMMANDS),
    )


ROUTES = (
    *_build_routes("/applications/{application_id}/commands"),
    *_build_routes("/applications/{application_id}/guilds/{guild_id}/commands"),
)
