"""What the form of Try it on me says."""

from bot.language import _
from bot.store.models import Run
from bot.ui.render.markdown import escape, format_name, one_line

_NAME_CHARS = 32


def try_on_title() -> str:
    return _("Try it on me")


def your_picture() -> str:
    return _("Your picture")


def upload_hint() -> str:
    return _("A clear picture of you, or of whatever you like")


def own_prompt_note(run: Run) -> str:
    """Return why the form starts without the prompt of another person's run."""
    return _("{author}'s inputs are private, so write a prompt of your own.").format(
        author=format_name(run.author_name)
    )


def nothing_to_try(command: str) -> str:
    """Return why a result cannot be tried any more."""
    return _("/{command} takes no picture anymore, and no other command here does. See them with /models list.").format(
        command=escape(one_line(command, _NAME_CHARS))
    )
