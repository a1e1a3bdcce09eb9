"""Replicate: whose token it is, and whether every command's model is there and can become a command."""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.backends.replicate.client import Replicate
from bot.backends.replicate.errors import ApiError, NotFound, NotSent, ReplicateError, Unauthenticated
from bot.backends.replicate.types import ModelRef
from bot.catalog.command import prepare_command
from bot.catalog.resolve import ModelResolver, UnknownModel
from bot.diagnostics.result import CheckResult, Report, failed, listed, ok
from bot.settings import CommandSpec

_TOKENS = "replicate.com/account/api-tokens"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckContext:
    """What the models are looked at with. ``hidden`` are the inputs that no command shows."""

    replicate: Replicate
    resolver: ModelResolver
    hidden: tuple[str, ...]
    base_url: str


async def check_account(bench: CheckContext, tell: Report) -> bool:
    """Tell whose token it is; False when Replicate does not take it or is not reached."""
    try:
        account = await bench.replicate.get_account()
    except ReplicateError as error:
        tell(failed(_refusal(error, bench.base_url)))
        return False
    tell(ok(f"Replicate: the token is {account.username}'s ({account.type}), whose credit pays."))
    return True


async def check_models(bench: CheckContext, specs: Sequence[CommandSpec], tell: Report) -> None:
    """Tell of each command whether its model is there and which options it would have."""
    for spec in specs:
        tell(await _check(bench, spec))


async def _check(bench: CheckContext, spec: CommandSpec) -> CheckResult:
    try:
        resolved = await bench.resolver.resolve(spec.target)
    except UnknownModel as unknown:
        return failed(f"/{spec.name}: {await _nearest(bench.replicate, spec.target) or unknown.sentence}")
    except ReplicateError as error:
        return failed(f"/{spec.name}: {_refusal(error, bench.base_url)}")
    command = prepare_command(spec, resolved, hidden=bench.hidden)
    if command.problems:
        return failed(f"/{spec.name} in COMMANDS_FILE: {' '.join(command.problems)}")
    options = [option.name for option in command.layout.options]
    return ok(f"/{spec.name}: {_short(resolved.target)} is there; options {listed(options, most=30)}.")


async def _nearest(replicate: Replicate, target: ModelRef) -> str | None:
    """Say that it is only the version which is unknown, if so."""
    if target.version is None or target.deployment:
        return None
    try:
        model = await replicate.models.get(target.model)
    except ReplicateError:
        return None
    newest = f" Its newest is {model.latest_version.id}." if model.latest_version else ""
    return f"Replicate knows {target.model} and not its version {target.version[:12]}….{newest}"


def _short(target: ModelRef) -> str:
    return f"{target.model}, version {target.version[:12]}…" if target.version else str(target)


def _refusal(error: ReplicateError, base_url: str) -> str:
    match error:
        case Unauthenticated():
            return f"Replicate does not know REPLICATE_API_TOKEN. Make a new one at {_TOKENS}."
        case NotSent():
            return (
                f"Replicate was not reached at {base_url} ({error}). "
                "Look at this machine's network, its proxy and REPLICATE_BASE_URL."
            )
        case NotFound():
            return f"{base_url} does not answer as Replicate's API does. Look at REPLICATE_BASE_URL."
        case ApiError():
            return f"Replicate refused: {error}. Look at replicate.com/account, then check again."
        case _:
            return f"Replicate did not answer as it should ({error}). Look at replicatestatus.com, then check again."
