"""What people read when a run that was refused is fixed."""

from typing import Final

from bot.formatting import truncate_utf16
from bot.language import _, ngettext
from bot.ui.render.markdown import format_code_block

_PROMPT_CHARS: Final = 1500  # of a message's 2000, with what was wrong


def form_title(command: str) -> str:
    """Return the title of the form; ``command`` is as people see it."""
    return _("Fix {command}").format(command=command)


def started() -> str:
    """Return what a refusal says after its run was started."""
    return _("Started.")


def with_prompt(sentence: str, prompt: str) -> str:
    """Return a refusal with the prompt, which can be copied from there; a longer one is a file beside it."""
    block = [] if is_long_prompt(prompt) else [format_code_block(prompt, "")]
    return "\n".join((sentence, _("Your prompt:"), *block))


def is_long_prompt(prompt: str) -> bool:
    """Return whether a prompt is longer than what fits into a message with a refusal."""
    return truncate_utf16(prompt, _PROMPT_CHARS) != prompt


def expired() -> str:
    """Return the answer to a press on a refusal whose run was started, or that is too old."""
    return _("What you entered is no longer stored, or already started. Use the command again.")


def not_yours() -> str:
    return _("Only the person who entered this can use it. Use the command yourself.")


def file_gone(name: str) -> str:
    """Return the remark about a file that cannot be kept any longer."""
    return _("“{name}” is no longer stored. Attach it again.").format(name=name)


def picture_removed() -> str:
    return _("The picture that this was for has been removed since. Choose another one.")


def describe_refused_runs(count: int) -> str:
    """Return the line of /privacy show."""
    return ngettext(
        "**{count} run that was refused**, with what you entered, for half an hour",
        "**{count} runs that were refused**, with what you entered, for half an hour",
        count,
    ).format(count=count)
