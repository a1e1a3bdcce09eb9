"""What /privacy says about the library, about spending, and about erasing."""

from collections.abc import Iterator
from datetime import UTC, datetime, time

from bot.language import _, ngettext
from bot.money.amounts import format_dollars
from bot.store.privacy import StoredCounts
from bot.ui.render.markdown import format_timestamp


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


def describe_spending(counts: StoredCounts) -> Iterator[str]:
    """Yield the line about what a person's runs have cost, where prices are known."""
    if counts.spent and counts.spent_since is not None:
        since = datetime.combine(counts.spent_since, time(12), UTC)  # the same date in nearly every reader's time zone
        yield _("**Spending** since {date}: {amount}").format(
            date=format_timestamp(since, "D"), amount=format_dollars(counts.spent)
        )


def explain_favourites() -> str:
    return _("Your favourites keep their prompts and results as long as the rest.")


def ask_to_erase() -> str:
    """Return the question, with what does not go and how to remove that: afterwards nobody knows whose it was."""
    lines = (
        "### " + _("Delete everything stored about you?"),
        _("Your runs with their prompts and files, your characters, presets, favourites, and copies in galleries."),
        "",
        _(
            "**Pictures in channels stay.** To remove them, press **Delete data and messages**, "
            "or first choose ⋯ → **Delete…** under each. "
            "Once your data is deleted, I don't know anymore which messages are yours."
        ),
    )
    return "\n".join(lines)


def erasure_label(answer: str) -> str:
    """Return what a button of the question says: to delete the data alone, the messages, too, or nothing."""
    return {"data": _("Delete my data"), "all": _("Delete data and messages"), "keep": _("Keep everything")}[answer]


def nothing_erased() -> str:
    return _("Nothing was deleted.")


def erasure_question_expired() -> str:
    return _("This question has expired, and nothing was deleted. Use /privacy delete again.")


def not_your_question() -> str:
    return _("This question is about another person's data. Delete your own with /privacy delete.")


def already_erasing() -> str:
    return _("Your data is already being deleted.")


def explain_erasure(*, deleted: int, pending: int, messages: bool) -> str:
    """Return what was deleted, and what will be."""
    if deleted:
        sentences = [ngettext("Deleted {count} run.", "Deleted {count} runs.", deleted).format(count=deleted)]
    else:
        sentences = [_("Deleted everything stored about you. There were no finished runs.")]
    if pending:
        later = ngettext(
            "{count} more run will be deleted when finished.",
            "{count} more runs will be deleted when finished.",
            pending,
        )
        sentences.append(later.format(count=pending))
    if messages:
        sentences.append(
            _(
                "Their messages are being deleted; that can take a while. "
                "Where I'm not a member I can't, but you can delete them yourself in Discord."
            )
        )
    elif deleted or pending:
        sentences.append(_("Pictures in channels stay. Ask someone who can manage messages there to delete them."))
    return " ".join(sentences)
