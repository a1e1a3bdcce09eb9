"""Who may do what with a run, told from the row that remembers it."""

from bot.runs.input_files import referenced_files
from bot.secrets import contains_secret
from bot.store.models import Run


def may_cancel(run: Run, *, user_id: int, manages_messages: bool) -> bool:
    """Whether this person may stop the run: its author, or who may delete its message anyway."""
    return user_id == run.author_id or manages_messages


def may_see_details(run: Run, *, user_id: int) -> bool:
    """Whether this person may see what a run was given and what it cost: its author."""
    return user_id == run.author_id


def may_repeat(run: Run, *, user_id: int) -> bool:
    """Whether this person may have the run's input for a run of their own: its author, or anybody if all of it shows.

    Whose run it is reads its input. Files, and what is named like a key, are no part of the card.
    """
    if user_id == run.author_id:
        return True
    return not referenced_files(run.input) and not contains_secret(run.input)
