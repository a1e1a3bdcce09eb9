"""What people read about what comes next: the choices under a result, the cards and forms behind them."""

from typing import Final

from bot.catalog.next_actions import NextAction, NextOffer
from bot.formatting import SEPARATOR
from bot.language import _, ngettext
from bot.ui.render.markdown import escape, escape_url, format_name, one_line

NEXT_MORE: Final = "more"

_NAME_CHARS: Final = 60


def next_placeholder() -> str:
    return _("Next")


def more_label() -> str:
    return _("More…")


def format_action(action: NextAction, command: str) -> str:
    """Return what an action is called in menus, on cards and forms; it may be the last part of a longer title."""
    if action is NextAction.USE:
        return _("Use in /{command}…").format(command=command)
    if action is NextAction.USE_AS_PROMPT:
        return _("Use as prompt in /{command}…").format(command=command)
    return {
        NextAction.VARY: _("Vary"),
        NextAction.UPSCALE: _("Upscale"),
        NextAction.EDIT: _("Edit with words"),
        NextAction.ANIMATE: _("Animate"),
        NextAction.DESCRIBE: _("Describe"),
        NextAction.REMOVE_BACKGROUND: _("Remove background"),
    }[action]


def format_offer(offer: NextOffer) -> str:
    """Return the label of a choice; where several commands do the same, it names the command."""
    label = format_action(offer.action, offer.command)
    named = offer.action in (NextAction.USE, NextAction.USE_AS_PROMPT)
    return f"{label}{SEPARATOR}/{offer.command}" if offer.alternatives and not named else label


def image_label(number: int) -> str:
    return _("Image {number}").format(number=number)


def all_label(count: int) -> str:
    return _("All {count}").format(count=count)


def which_image(offer: NextOffer) -> str:
    """Return the title of the card that asks for one of several images."""
    return _("{action}: which image?").format(action=format_offer(offer).rstrip("…"))


def choose_image_placeholder() -> str:
    return _("Choose an image")


def choose_command_placeholder() -> str:
    return _("Choose a command")


def choose_action_placeholder() -> str:
    return _("Choose what to do")


def which_command(action: NextAction) -> str:
    """Return the title of the card that asks which of several commands does it."""
    return _("{action}: with which command?").format(action=format_action(action, ""))


def more_title() -> str:
    return _("What next?")


def describe_picked(number: int | None, name: str) -> str:
    """Return the line above a form that says which picture it is about."""
    if number is not None:
        return _("With image {number} of this result.").format(number=number)
    return _("With “{name}”.").format(name=escape(one_line(name, _NAME_CHARS)))


def starting_several(count: int) -> str:
    return ngettext("Starting {count} run…", "Starting {count} runs…", count).format(count=count)


def started_some(started: int, count: int, reason: str) -> str:
    """Return what became of several runs when not all of them could start."""
    return _("Started {started} of {count}. {reason}").format(started=started, count=count, reason=reason)


def try_again_label() -> str:
    return _("Try again")


# Why nothing starts


def not_offered(offer_command: str) -> str:
    return _("/{command} can't do this anymore. Choose something else under the result.").format(
        command=escape(one_line(offer_command, _NAME_CHARS))
    )


def no_images_left() -> str:
    return _("The images of this result are gone, so there is nothing to use.")


def images_out_of_reach() -> str:
    return _("I can't reach these images from here. Use Next under the result itself.")


def image_gone(number: int) -> str:
    return _("Image {number} was removed from this result. Choose another one.").format(number=number)


def not_delivered_yet() -> str:
    return _("This result is still being finished. Try again in a moment.")


def no_text() -> str:
    return _("This result has no text to use as a prompt.")


def nobody_does(action: NextAction) -> str:
    """Return why an entry of the message menu does nothing here."""
    return {
        NextAction.UPSCALE: _("No command here upscales images. Use this one in any command: Apps → Use as subject."),
        NextAction.EDIT: _("No command here edits images. Use this one in any command: Apps → Use as subject."),
        NextAction.DESCRIBE: _("No command here describes images. Use this one in any command: Apps → Use as subject."),
    }.get(action, _("No command here can do this with an image. See the models with /models list."))


def no_image_in_message() -> str:
    return _("There is no image in this message. Pick a message with an image.")


def not_a_result() -> str:
    return _("This message isn't a result of mine.")


# Where a run comes from


def format_origin(author_name: str, output: int | None, *, url: str | None) -> str:
    """Return the line of a card that says whose run, and which image of it, this one was started with."""
    run = _("{author}'s run").format(author=format_name(author_name))
    linked = f"[{run}]({escape_url(url)})" if url else run
    if output is None:
        return _("from {run}").format(run=linked)
    return _("from {run} · image {number}").format(run=linked, number=output)
