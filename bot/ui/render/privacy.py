"""What /privacy says about the library, and about erasing."""

from collections.abc import Iterator

from bot.language import _, ngettext
from bot.store.privacy import StoredCounts


def describe_library(counts: StoredCounts) -> Iterator[str]:
    """Yield a line for each part of a person's library that is stored."""
    if counts.results:
        yield ngettext(
            "**{count} result** in your library, with its thumbnail",
            "**{count} results** in your library, with their thumbnails",
            counts.results,
        ).format(count=counts.results)
    if counts.favourites:
        yield ngettext("**{count} favourite**", "**{count} favourites**", counts.favourites).format(
            count=counts.favourites
        )
    if counts.copies:
        yield ngettext(
            "**{count} copy** in a server's gallery", "**{count} copies** in servers' galleries", counts.copies
        ).format(count=counts.copies)


def describe_consent(counts: StoredCounts) -> Iterator[str]:
    """Yield the line about what a person allows in galleries, if they said so."""
    if counts.gallery_choices:
        yield _("**What you allow** with your results in galleries")


def explain_favourites() -> str:
    return _("Your favourites keep their prompts and results as long as the rest.")


def ask_to_erase() -> str:
    return _(
        "Delete everything stored about you? Copies of your results in galleries go, too. "
        "My other messages about your runs stay in Discord, unless you delete them as well."
    )


def erasure_labels() -> tuple[str, str]:
    """Return what the buttons say: to delete the data alone, and the messages, too."""
    return _("Delete my data"), _("Delete data and messages")


def explain_erasure(*, deleted: int, pending: int, messages: bool) -> str:
    """Return what was deleted, and what will be."""
    sentence = ngettext("Deleted {count} run.", "Deleted {count} runs.", deleted).format(count=deleted)
    if pending:
        later = ngettext(
            "{count} more run will be deleted when finished.",
            "{count} more runs will be deleted when finished.",
            pending,
        ).format(count=pending)
        sentence = f"{sentence} {later}"
    if messages:
        sentence = f"{sentence} {_('Their messages are being deleted; that can take a while.')}"
    return sentence
