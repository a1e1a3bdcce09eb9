"""On which terms Discord takes a run's messages: what had to be left out so far, and how the reader is told."""

from collections.abc import Sequence
from dataclasses import replace

from bot.limits import REQUEST_BYTES
from bot.outputs.items import FileItem
from bot.ui.render import strings
from bot.ui.render.run_card import Censored, RenderOptions

_UPLOAD_BYTES = REQUEST_BYTES - 1024 * 1024  # the rest of the request needs room, too


class Restrictions:
    """What the reply may hold. It only ever gets stricter; each step answers one refusal of Discord's."""

    def __init__(self) -> None:
        self.look = RenderOptions()
        self.upload_bytes = _UPLOAD_BYTES

    def remark(self, sentence: str) -> None:
        """Say something about the message itself on the card, once."""
        if sentence not in self.look.remarks:
            self.look = replace(self.look, remarks=(*self.look.remarks, sentence))

    def unsay(self, sentence: str) -> None:
        """Take back what was said about the message itself."""
        self.look = replace(self.look, remarks=tuple(one for one in self.look.remarks if one != sentence))

    def park(self, *, parked: bool) -> None:
        """Ask the reader to press for the result, or take that back."""
        remarks = tuple(remark for remark in self.look.remarks if remark != strings.TOKEN_EXPIRY)
        self.look = replace(self.look, refresh=parked, remarks=(*remarks, strings.TOKEN_EXPIRY) if parked else remarks)

    def answer_anew(self) -> None:
        """Begin the card with the words that call the author back: it stands in a new message."""
        self.look = replace(self.look, call_back=True)

    def without_thumbnail(self) -> None:
        """Leave out the picture that was given."""
        self.look = replace(self.look, thumbnail=False)

    def without(self, files: Sequence[FileItem], reason: str) -> None:
        """Leave out these files, and say why where they would stand."""
        self.look = replace(self.look, withheld={**self.look.withheld, **{file.name: reason for file in files}})

    def smaller(self, files: Sequence[FileItem], prediction_id: str | None, *, given: bool) -> bool:
        """Answer that a request with these new files was too large; False when nothing is left to make smaller."""
        total = sum(file.size for file in files)
        if len(files) > 1:
            self.upload_bytes = min(self.upload_bytes, total) // 2
            return True
        if files:
            self.without(files, strings.too_large(files[0].size, prediction_id))
            return True
        if given and self.look.thumbnail:
            self.without_thumbnail()
            return True
        return False

    def censored(self) -> bool:
        """Answer that AutoMod blocked the message; False when nothing is left to leave out."""
        if self.look.censored is Censored.PROMPT:
            return False
        self.look = replace(self.look, censored=Censored(self.look.censored + 1))
        self.remark(strings.BLOCKED)
        return True

    def no_files(self, files: Sequence[FileItem], *, given: bool) -> bool:
        """Answer that the bot may not attach files; False when neither they nor what was given were new."""
        if not files and not (given and self.look.thumbnail):
            return False
        self.without_thumbnail()
        self.without(files, strings.NO_FILES)
        return True

    def bare(self, files: Sequence[FileItem]) -> bool:
        """Answer that Discord finds the message wrong, whatever the reason; False when it was bare already."""
        if self.look.censored is Censored.PROMPT:
            return False
        self.look = replace(self.look, censored=Censored.PROMPT, thumbnail=False)
        self.without(files, strings.NOT_TAKEN)
        self.remark(strings.NOT_TAKEN_REMARK)
        return True
