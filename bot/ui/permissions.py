"""Who may do what with a run, decided from its row."""

from bot.actor import Actor
from bot.media.types import find_references
from bot.secrets import contains_private_url, contains_secret
from bot.store.models import Run
from bot.store.run_chain import RunChain
from bot.visibility import Visibility

_MANAGE_MESSAGES = 1 << 13  # Discord's bit


def may_cancel(run: Run, *, user_id: int, manages_messages: bool) -> bool:
    """Return whether this user may cancel the run: its author, or anybody who may delete its message anyway."""
    return user_id == run.author_id or manages_messages


def may_see_details(run: Run, *, user_id: int) -> bool:
    """Return whether this user may see the run's inputs and metrics: only its author."""
    return user_id == run.author_id


def may_repeat(run: Run, *, user_id: int) -> bool:
    """Return whether this user may start a run with the same input: its author, or anybody if the input is public.

    Files, secrets, signed web addresses and saved characters are not public: a run of one's own shows its input.
    """
    is_private = (
        run.characters or find_references(run.input) or contains_secret(run.input) or contains_private_url(run.input)
    )
    return user_id == run.author_id or not is_private


def may_manage_result(actor: Actor, run: Run) -> bool:
    """Return whether somebody may delete or cover the result: its author, or whoever may delete its message anyway.

    Nobody but its author sees a private one.
    """
    if actor.user_id == run.author_id:
        return True
    manages = bool(actor.permissions & _MANAGE_MESSAGES) and actor.channel_id == run.place.channel_id
    return manages and run.visibility is not Visibility.PRIVATE


def may_see_result(actor: Actor, run: Run) -> bool:
    """Return whether somebody may see and keep the result: whoever sees its message."""
    return actor.user_id == run.author_id or run.visibility is not Visibility.PRIVATE


def may_repeat_chain(first: Run, chain: RunChain, *, user_id: int) -> bool:
    """Return whether this user may start a chain with the same input; ``first`` is the run of its first step.

    The files of the other steps are pictures that the chain made.
    """
    later = [step.input for step in chain.steps[1:]]
    is_private = any(contains_secret(given) or contains_private_url(given) for given in later)
    return may_repeat(first, user_id=user_id) and (user_id == first.author_id or not is_private)
