"""What is known of one Discord message of a run: the card, or a further one."""

from dataclasses import dataclass, field
from typing import Any

from bot.outputs.parts import File
from bot.ui.card import Drawing
from bot.ui.names import GIVEN, upload_name
from bot.ui.package import Kept
from bot.ui.shown import Shown

Looks = tuple[list[dict[str, Any]], frozenset[str]]


@dataclass(slots=True)
class Slot:
    """One message, by its number: 0 is the card.

    ``key`` is its key at the gate. ``known`` are the files that Discord has, by name. ``learned`` says whether that is
    sure; ``lost`` that the message is deleted or cannot be sent; ``bot_only`` that the token does not reach it.
    """

    number: int
    key: int
    message_id: int | None = None
    known: dict[str, int] = field(default_factory=dict)
    learned: bool = False
    lost: bool = False
    bot_only: bool = False
    shown: Looks | None = None

    def forget(self) -> None:
        """Begin anew: what is shown next is a new message."""
        self.message_id, self.known, self.learned, self.shown = None, {}, True, None

    def needs(self, drawing: Drawing) -> bool:
        """Whether Discord shows something else than this."""
        return not self.lost and self.shown != _look(drawing)

    def new(self, drawing: Drawing) -> tuple[File, ...]:
        """Return the run's files that the drawing shows and Discord does not have."""
        return tuple(file for file in drawing.files if upload_name(file.name) not in self.known)

    def beyond(self, drawing: Drawing, room: int) -> list[str]:
        """Return the new files, by name, that a request of ``room`` bytes has no place for; it takes one at least."""
        beyond, left = [], room
        for file in self.new(drawing):
            if file.size > left and left < room:
                beyond.append(file.name)
            else:
                left -= file.size
        return beyond

    def kept(self, drawing: Drawing) -> tuple[Kept, ...]:
        """Return the files that Discord has and the drawing still shows."""
        return tuple(Kept(name, self.known[name]) for name in names(drawing) if name in self.known)

    def learn(self, answer: Shown, drawing: Drawing | None = None) -> None:
        """Take over what Discord said of the message."""
        self.message_id = answer.message_id
        self.known = dict(answer.attachments)
        self.learned = True
        if drawing is not None:
            self.shown = _look(drawing)


def names(drawing: Drawing) -> list[str]:
    """Return the upload names of a drawing's files, in order."""
    return [GIVEN] * drawing.given + [upload_name(file.name) for file in drawing.files]


def _look(drawing: Drawing) -> Looks:
    return drawing.components, frozenset(names(drawing))
