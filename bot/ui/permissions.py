"""Who may stop, change and delete a run, and who may reuse what of it, decided from its row.

One rule of reuse holds for everything that is offered under a result, in menus and in lists. What a card shows to
everybody, everybody may use: its result, and its inputs as they are. What is its author's alone stays theirs: a private
run, and inputs with files, saved characters, keys or private web addresses.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

from bot.actor import Actor
from bot.media.types import find_references
from bot.secrets import contains_private_url, contains_secret
from bot.store.models import Run
from bot.visibility import Visibility

_MANAGE_MESSAGES = 1 << 13  # Discord's bit


def may_cancel(run: Run, *, user_id: int, manages_messages: bool) -> bool:
    """Return whether this user may cancel the run: its author, or anybody who may delete its message anyway."""
    return user_id == run.author_id or manages_messages


def may_manage_result(actor: Actor, run: Run) -> bool:
    """Return whether somebody may delete or cover the result: its author, or whoever may delete its message anyway.

    Nobody but its author sees a private one.
    """
    if actor.user_id == run.author_id:
        return True
    manages = bool(actor.permissions & _MANAGE_MESSAGES) and actor.channel_id == run.place.channel_id
    return manages and run.visibility is not Visibility.PRIVATE


class Reuse(StrEnum):
    """What of a run is used."""

    INPUTS = "inputs"  # Again, Edit, Details, Vary, Try it on me with the prompt, Save as preset
    RESULT = "result"  # Next, Use as subject, Save as character, favourites, a copy in direct messages


class Barrier(StrEnum):
    """Why somebody may not use a part of a run."""

    PRIVATE = "private"
    FILES = "files"
    CHARACTERS = "characters"
    SECRETS = "secrets"


def decide_reuse(run: Run, part: Reuse, *, user_id: int, first: Run | None = None) -> Barrier | None:
    """Return why this person may not use that part of a run, None if they may.

    ``first`` is the run of the first step where ``run`` is a step of a chain, whose inputs are meant as a whole; the
    files of its later steps are pictures that the chain made.
    """
    if user_id == run.author_id:
        return None
    if run.visibility is Visibility.PRIVATE:
        return Barrier.PRIVATE
    if part is Reuse.RESULT:
        return None
    source = run if first is None else first
    steps = run.chain.steps[1:] if run.chain is not None and first is not None else ()
    return _find_private_input(source, [source.input, *(step.input for step in steps)])


def may_reuse(run: Run, part: Reuse, *, user_id: int) -> bool:
    """Return whether this person may use that part of a run."""
    return decide_reuse(run, part, user_id=user_id) is None


def _find_private_input(run: Run, inputs: Iterable[Mapping[str, Any]]) -> Barrier | None:
    if run.characters:
        return Barrier.CHARACTERS
    if find_references(run.input):
        return Barrier.FILES
    if any(contains_secret(given) or contains_private_url(given) for given in inputs):
        return Barrier.SECRETS
    return None
