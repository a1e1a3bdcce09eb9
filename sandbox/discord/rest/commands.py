"""Registering commands, global ones and those of one guild."""

from sandbox.discord.errors import BAD_REQUEST, MISSING_ACCESS, ApiError
from sandbox.discord.rest.request import NO_CONTENT, ApiRequest, ApiResponse, Route, require_guild
from sandbox.discord.services import Services
from sandbox.discord.services.rate_limits import COMMANDS


async def list_commands(services: Services, request: ApiRequest) -> ApiResponse:
    """Answer the commands of the scope."""
    return ApiResponse([command.data for command in services.commands.in_scope(_scope(services, request))])


async def replace_commands(services: Services, request: ApiRequest) -> ApiResponse:
    """Register exactly these commands."""
    scope = _scope(services, request)
    if not isinstance(request.payload, list):
        raise ApiError(BAD_REQUEST)
    return ApiResponse([command.data for command in services.commands.replace(request.payload, scope)])


async def create_command(services: Services, request: ApiRequest) -> ApiResponse:
    """Register one command; one of the same name is replaced."""
    command, new = services.commands.put(request.object(), _scope(services, request))
    return ApiResponse(command.data, 201 if new else 200)


async def get_command(services: Services, request: ApiRequest) -> ApiResponse:
    """Answer one command."""
    scope = _scope(services, request)
    return ApiResponse(services.commands.get(request.id("command_id"), scope).data)


async def edit_command(services: Services, request: ApiRequest) -> ApiResponse:
    """Change some fields of a command."""
    scope = _scope(services, request)
    return ApiResponse(services.commands.patch(request.id("command_id"), request.object(), scope).data)


async def delete_command(services: Services, request: ApiRequest) -> ApiResponse:
    """Take a command away."""
    scope = _scope(services, request)
    services.commands.delete(request.id("command_id"), scope)
    return NO_CONTENT


def _scope(services: Services, request: ApiRequest) -> int | None:
    if request.id("application_id") != services.state.application.id:
        raise ApiError(MISSING_ACCESS)
    return require_guild(services, request).id if "guild_id" in request.params else None


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
