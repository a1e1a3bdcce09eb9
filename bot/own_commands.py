"""The bot's own slash commands. No command of a model, a chain or a preset can have one of these names."""

from enum import StrEnum


class OwnCommand(StrEnum):
    """A command that is the bot's own, by its name."""

    ABOUT = "about"
    BUDGET = "budget"
    CHAIN = "chain"
    CHARACTER = "character"
    LIBRARY = "library"
    ME = "me"
    MODELS = "models"
    PRESET = "preset"
    PRIVACY = "privacy"
    RUN = "run"  # of any model, where the settings allow that
    RUNS = "runs"
    SERVER = "server"
    USAGE = "usage"
