"""What a reply leaves out because Discord refused it, and how the reader learns of it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from bot.limits import REQUEST_BYTES
from bot.outputs.items import FileItem
from bot.ui.render import strings
from bot.ui.render.run_card import DEFAULT_OPTIONS, OmittedText, RenderOptions

# The rest of a request needs room, too.
_UPLOAD_BYTES = REQUEST_BYTES - 1024 * 1024


@dataclass(frozen=True, slots=True)
class Restrictions:
    """What the reply may contain. Each method returns stricter restrictions, or None if nothing is left to leave out.

    ``max_upload`` is the size of all new files of one request, in bytes. ``plain``: rendering failed, so the output is
    shown without decoration.
    """

    options: RenderOptions = DEFAULT_OPTIONS
    max_upload: int = _UPLOAD_BYTES
    plain: bool = False

    def with_remark(self, sentence: str) -> "Restrictions":
        """Show a sentence about the message itself on the card, once."""
        if sentence in self.options.remarks:
            return self
        return self._with(remarks=(*self.options.remarks, sentence))

    def without_remark(self, sentence: str) -> "Restrictions":
        if sentence not in self.options.remarks:
            return self
        return self._with(remarks=tuple(remark for remark in self.options.remarks if remark != sentence))

    def with_token_expiry(self, *, expired: bool) -> "Restrictions":
        """Ask the reader to press a button for the result, or stop asking."""
        changed = self._with(show_refresh=expired)
        return changed.with_remark(strings.TOKEN_EXPIRY) if expired else changed.without_remark(strings.TOKEN_EXPIRY)

    def with_author_mention(self) -> "Restrictions":
        """Mention the author above the card, because it is sent as a new message."""
        return self._with(mention_author=True)

    def without_thumbnail(self) -> "Restrictions":
        return self._with(show_thumbnail=False)

    def without_files(self, files: Sequence[FileItem], reason: str) -> "Restrictions":
        """Show the reason instead of these files."""
        return self._with(withheld={**self.options.withheld, **{file.name: reason for file in files}})

    def after_too_large(
        self, files: Sequence[FileItem], prediction_id: str | None, *, thumbnail: bool
    ) -> "Restrictions | None":
        """Send less in one request; ``files`` and perhaps the thumbnail were new in the one that was too large."""
        if len(files) > 1:
            return replace(self, max_upload=min(self.max_upload, sum(file.size for file in files)) // 2)
        if files:
            return self.without_files(files, strings.explain_too_large(files[0].size, prediction_id))
        return self.without_thumbnail() if thumbnail and self.options.show_thumbnail else None

    def after_automod(self) -> "Restrictions | None":
        """Leave out the text of the output, then the prompt as well."""
        if self.options.omitted_text is OmittedText.PROMPT:
            return None
        return self._with(omitted_text=OmittedText(self.options.omitted_text + 1)).with_remark(strings.AUTOMOD_BLOCKED)

    def after_no_attachments(self, files: Sequence[FileItem], *, thumbnail: bool) -> "Restrictions | None":
        """Leave out these files and the thumbnail: the bot may not attach files in the channel."""
        if not files and not (thumbnail and self.options.show_thumbnail):
            return None
        return self.without_thumbnail().without_files(files, strings.FILES_FORBIDDEN)

    def after_invalid(self, files: Sequence[FileItem]) -> "Restrictions | None":
        """Leave out everything that can be left out: Discord finds the message invalid, for whatever reason."""
        if self.options.omitted_text is OmittedText.PROMPT:
            return None
        bare = self._with(omitted_text=OmittedText.PROMPT, show_thumbnail=False)
        return bare.without_files(files, strings.FILE_REJECTED).with_remark(strings.MESSAGE_REJECTED)

    def _with(self, **options: Any) -> "Restrictions":
        return replace(self, options=replace(self.options, **options))
