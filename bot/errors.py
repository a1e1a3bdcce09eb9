"""What can go wrong, as people meet it.

::

    ReplicordError              every error of ours; its text is a sentence
    ├── ConfigError             the person who runs the bot can mend it: settings, tokens, ports
    └── UserError               the person in Discord can mend it; shown to them alone
        ├── BadOption           one option of a command; carries the option's name
        └── Refused             right now, or for this person, the answer is no

Replicate's own boundary has its own tree, in ``bot.backends.replicate.errors``.
"""


class ReplicordError(Exception):
    """An error of ours; ``str()`` of it is a sentence that a person can act on."""

    @property
    def sentence(self) -> str:
        """What happened and what to do, fit to be shown."""
        return str(self)


class ConfigError(ReplicordError):
    """The bot cannot start or work as it is set up."""


class UserError(ReplicordError):
    """A person in Discord asked for something that cannot be done as asked."""


class BadOption(UserError):
    """One option of a command has a value that cannot be used.

    ``option`` is the option's name as Discord shows it; the sentence names it too.
    """

    def __init__(self, option: str, sentence: str) -> None:
        super().__init__(sentence)
        self.option = option


class Refused(UserError):
    """The answer is no for now: no right to it, over a limit, or the bot is closing."""
