"""Errors whose text is a sentence for people.

::

    ReplicordError              base class
    ├── ConfigError             the operator can fix it: settings, tokens, ports
    └── UserError               the person in Discord can fix it; shown to them in private
        ├── BadOption           an option of a command has a bad value; carries the option's name
        └── Refused             not allowed for this person, or not possible right now

Errors of Replicate's API are in ``bot.backends.replicate.errors``.
"""

from bot.language import retranslate


class ReplicordError(Exception):
    """Base class; ``str()`` of it is a sentence that a person can act on."""

    @property
    def sentence(self) -> str:
        """What happened and what to do, in the language spoken where it is read."""
        said = self.args[0] if self.args else ""
        return retranslate(said) if isinstance(said, str) else str(self)


class ConfigError(ReplicordError):
    """The bot cannot start or work with its configuration."""


class UserError(ReplicordError):
    """A person in Discord requested something that cannot be done."""


class BadOption(UserError):
    """An option of a command has a value that cannot be used.

    ``option`` is the option's name as Discord shows it; the sentence names it too.
    """

    def __init__(self, option: str, sentence: str) -> None:
        super().__init__(sentence)
        self.option = option

    def __reduce__(self) -> tuple[type["BadOption"], tuple[str, str]]:
        """Travel between processes: the default would pass the sentence only."""
        return type(self), (self.option, self.args[0])


class Refused(UserError):
    """The request is not allowed for this person, over a limit, or the bot is stopping.

    ``about`` is the key of the model's input that it is about, None if it is about none.
    """

    def __init__(self, sentence: str = "", *, about: str | None = None) -> None:
        super().__init__(sentence)
        self.about = about
