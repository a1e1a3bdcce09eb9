"""Check, without the network, what is valid and yet hardly meant: names in ``.env``, tokens, durations, chains."""

from datetime import timedelta
from typing import Final

from bot.catalog.chains import Chain, ConfiguredChains
from bot.diagnostics.result import Report, failed, passed, warned
from bot.invites import read_application_id, server_invite
from bot.settings import Settings
from bot.settings.dotenv import DOTENV, describe_misspelt_names, is_readable_by_others
from bot.settings.settings import duration_to_text

_REPLICATE_START: Final = "r8_"  # of every token that Replicate has issued since 2023
_SHORT_DEADLINE: Final = timedelta(minutes=1)
_SHORT_RETENTION: Final = timedelta(hours=1)
_RETENTION: Final = {
    "keep_prompts": ("prompts, inputs and outputs", "30d"),
    "keep_files": ("uploaded files", "1d"),
    "keep_runs": ("the records of runs", "365d"),
}


def check_dotenv_file(report: Report) -> None:
    """Warn of a ``.env`` that other users can read, and of names that are almost a setting."""
    if is_readable_by_others():
        report(warned(f"Other users of this machine can read {DOTENV} and the tokens in it. Run: chmod 600 {DOTENV}"))
    for sentence in describe_misspelt_names(Settings.names()):
        report(warned(sentence))


def check_token_shapes(settings: Settings, report: Report) -> None:
    """Warn of tokens that do not look like the service's own, and print the URL that invites the bot."""
    application_id = read_application_id(settings.discord_token.get_secret_value())
    if application_id is not None:
        report(passed(f"Invite the bot to a server: {server_invite(application_id)}"))
    elif _is_default(settings, "discord_api_url"):
        report(
            warned(
                "DISCORD_TOKEN does not look like a bot token: its first part is no application ID. Copy the token "
                "from the Bot page of your application, not the client secret or the public key."
            )
        )
    token = settings.replicate_token
    if token and not token.startswith(_REPLICATE_START) and _is_default(settings, "replicate_base_url"):
        report(
            warned(
                f"REPLICATE_API_TOKEN does not look like Replicate's, which start with {_REPLICATE_START}. "
                "Copy it from replicate.com/account/api-tokens."
            )
        )


def check_durations(settings: Settings, report: Report) -> None:
    """Warn of durations in seconds where minutes or days are usual: a number without a unit is seconds."""
    if settings.run_deadline < _SHORT_DEADLINE:
        deadline = duration_to_text(settings.run_deadline)
        report(
            warned(
                f"RUN_DEADLINE is {deadline}: runs are stopped after it, and a model that has to start first takes a "
                f"minute or two. Did you mean {deadline.removesuffix('s')}m?"
            )
        )
    for name, (what, usual) in _RETENTION.items():
        kept: timedelta = getattr(settings, name)
        if kept < _SHORT_RETENTION:
            text = duration_to_text(kept)
            report(warned(f"{name.upper()} is {text}: {what} are deleted after it. The default is {usual}."))


def check_chains(chains: ConfiguredChains, report: Report) -> None:
    """Check the chains whose commands are known; a command that is not has a result of its own."""
    for spec, built in chains.build():
        if isinstance(built, Chain):
            arrow = " → ".join(f"/{step.command.name}" for step in built.steps)
            report(passed(f"/{spec.name}: a chain of {arrow}."))
        else:
            report(failed(f"/{spec.name} in COMMANDS_FILE: {built.sentence}"))


def _is_default(settings: Settings, name: str) -> bool:
    return bool(getattr(settings, name) == Settings.model_fields[name].default)
