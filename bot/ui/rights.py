"""Who may do what with a run, told from the row that remembers it."""

from bot.store.run import Run


def may_stop(run: Run, *, user_id: int, manages_messages: bool) -> bool:
    """Whether this person may stop the run: its author, or who may delete its message anyway."""
    return user_id == run.author_id or manages_messages


def may_see_details(run: Run, *, user_id: int) -> bool:
    """Whether this person may see what a run was given and what it cost: its author."""
    return user_id == run.author_id
