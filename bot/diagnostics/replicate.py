"""Check the Replicate token, and that every command's model exists and fits the command."""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.backends.errors import ApiError, BackendError, NotFound, NotSent, Unauthenticated
from bot.backends.replicate.client import Replicate
from bot.backends.replicate.types import ModelRef
from bot.backends.target import Target
from bot.catalog.catalog import prepare_command
from bot.catalog.resolve import ModelResolver, UnknownModel
from bot.diagnostics.result import CheckResult, Report, failed, join_names, passed
from bot.options.schema import SchemaTooComplex
from bot.settings import CommandSpec

_TOKENS_PAGE = "replicate.com/account/api-tokens"
_OPTIONS_SHOWN = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckContext:
    """What the checks need. ``hidden`` are the inputs that no command shows."""

    replicate: Replicate
    resolver: ModelResolver
    hidden: tuple[str, ...]
    base_url: str


async def check_account(context: CheckContext, report: Report) -> bool:
    """Check the token; False if Replicate rejects it or cannot be reached."""
    try:
        account = await context.replicate.get_account()
    except BackendError as error:
        report(failed(_explain_error(error, context.base_url)))
        return False
    report(passed(f"Replicate: the token belongs to {account.username} ({account.type}), whose account pays."))
    return True


async def check_models(context: CheckContext, specs: Sequence[CommandSpec], report: Report) -> None:
    """Check for each command that its model exists, and list the options it would have."""
    for spec in specs:
        if isinstance(spec.target, ModelRef):
            report(await _check_command(context, spec, spec.target))


async def _check_command(context: CheckContext, spec: CommandSpec, target: ModelRef) -> CheckResult:
    try:
        resolved = await context.resolver.resolve(target)
    except UnknownModel as unknown:
        return failed(f"/{spec.name}: {await _explain_version(context.replicate, target) or unknown.sentence}")
    except BackendError as error:
        return failed(f"/{spec.name}: {_explain_error(error, context.base_url)}")
    try:
        command = prepare_command(spec, resolved, hidden=context.hidden)
    except SchemaTooComplex as error:
        return failed(f"/{spec.name}: {error.sentence}")
    if command.problems:
        return failed(f"/{spec.name} in COMMANDS_FILE: {' '.join(command.problems)}")
    options = [option.name for option in command.layout.options]
    return passed(
        f"/{spec.name}: found {_shorten(resolved.target)}; options: {join_names(options, limit=_OPTIONS_SHOWN)}."
    )


async def _explain_version(replicate: Replicate, target: ModelRef) -> str | None:
    """Return a sentence if the model exists and only its version does not."""
    if target.version is None or target.deployment:
        return None
    try:
        model = await replicate.models.get(target.model)
    except BackendError:
        return None
    latest = f" Its latest version is {model.latest_version.id}." if model.latest_version else ""
    return f"{target.model} exists on Replicate, but it has no version {target.version[:12]}….{latest}"


def _shorten(target: Target) -> str:
    return f"{target.model}, version {target.version[:12]}…" if target.version else str(target)


def _explain_error(error: BackendError, base_url: str) -> str:
    match error:
        case Unauthenticated():
            return f"Replicate rejects REPLICATE_API_TOKEN. Create a new one at {_TOKENS_PAGE}."
        case NotSent():
            return (
                f"Replicate cannot be reached at {base_url} ({error}). "
                "Check this machine's network and proxy, and REPLICATE_BASE_URL."
            )
        case NotFound():
            return f"{base_url} does not look like Replicate's API. Check REPLICATE_BASE_URL."
        case ApiError():
            return f"Replicate rejected the request: {error}. See replicate.com/account, then check again."
        case _:
            return f"Replicate gave no valid response ({error}). See replicatestatus.com, then check again."
