"""Check who can read ``.env``, and whether the names in it and in the environment are settings."""

from bot.diagnostics.result import Report, warned
from bot.settings import Settings
from bot.settings.dotenv import DOTENV, describe_misspelt_names, is_readable_by_others


def check_dotenv_file(report: Report) -> None:
    """Warn of a ``.env`` that other users can read, and of names that are almost a setting."""
    if is_readable_by_others():
        report(warned(f"Other users of this machine can read {DOTENV} and the tokens in it. Run: chmod 600 {DOTENV}"))
    for sentence in describe_misspelt_names(Settings.names()):
        report(warned(sentence))
