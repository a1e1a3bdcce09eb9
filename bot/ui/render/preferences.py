"""Words of /me."""

from typing import Final

from bot.language import _

# The shapes that models of pictures commonly have.
ASPECT_RATIOS: Final = ("1:1", "4:3", "3:4", "3:2", "2:3", "16:9", "9:16", "21:9", "9:21", "4:5", "5:4")


def saved() -> str:
    return _("Saved. It holds for your next runs.")


def no_choice() -> str:
    return _("Not set")


def discords_language() -> str:
    """Return what the list of languages says while none is chosen."""
    return _("Automatic (your Discord's)")


def describe_visibility(visibility: str) -> str:
    """Return who sees the results of a visibility."""
    match visibility:
        case "private":
            return _("Private: only you see it")
        case "spoiler":
            return _("Spoiler: hidden until somebody opens it")
        case _:
            return _("Public: everybody in the channel sees it")
