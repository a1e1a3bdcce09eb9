"""Why somebody may not use what belongs to a run, and what they can do instead."""

from bot.language import _
from bot.store.models import Run
from bot.ui.permissions import Barrier
from bot.ui.render.markdown import escape, format_name, one_line

_NAME_CHARS = 32


def explain_barrier(barrier: Barrier, run: Run) -> str:
    """Return what another person's run keeps from somebody, with the command to use instead."""
    author = format_name(run.author_name)
    if run.chain is not None:
        sentence = {
            Barrier.PRIVATE: _("Only {author} can see this chain. Start one of your own."),
            Barrier.FILES: _("This chain used {author}'s files. Start it with your own."),
            Barrier.CHARACTERS: _("This chain used {author}'s characters. Start it with your own."),
            Barrier.SECRETS: _("This chain used {author}'s keys or private links. Start it with your own."),
        }[barrier]
        return sentence.format(author=author)
    sentence = {
        Barrier.PRIVATE: _("Only {author} can see this run. Run /{command} yourself."),
        Barrier.FILES: _("This run used {author}'s files. Run /{command} with your own."),
        Barrier.CHARACTERS: _("This run used {author}'s characters. Run /{command} with your own."),
        Barrier.SECRETS: _("This run used {author}'s keys or private links. Run /{command} with your own."),
    }[barrier]
    return sentence.format(author=author, command=escape(one_line(run.command, _NAME_CHARS)))


def explain_forgotten(run: Run) -> str:
    """Return why nobody can repeat a run: its data passed the time that it is kept, or its author deleted it."""
    return _("This run's data was deleted, so it can't be repeated. Use /{command} again.").format(
        command=escape(one_line(run.command, _NAME_CHARS))
    )


def explain_missing_files(run: Run) -> str:
    """Return why a run cannot be repeated as it was: its files passed the time that they are kept."""
    return _("This run's files were deleted. Attach them again with Edit or /{command}.").format(
        command=escape(one_line(run.command, _NAME_CHARS))
    )
