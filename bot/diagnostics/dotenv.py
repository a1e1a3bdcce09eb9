"""Check who can read ``.env``, and whether its names are settings."""

from bot.diagnostics.result import Report, warned
from bot.settings import Settings
from bot.settings.dotenv import DOTENV, find_misspelt_names, is_readable_by_others


def check_dotenv_file(report: Report) -> None:
    """Warn of a ``.env`` that other users can read, and of names in it that are almost a setting."""
    if is_readable_by_others():
        report(warned(f"Other users of this machine can read {DOTENV} and the tokens in it. Run: chmod 600 {DOTENV}"))
    for name, meant in find_misspelt_names(Settings.names()).items():
        report(warned(f"{DOTENV} has {name}, which is not a setting. Did you mean {meant}?"))
