"""The language that a sentence is for: that of the person, or of the server, whom this task answers.

Every sentence for people goes through ``_`` or ``ngettext``, whole and with named places, so that one can find and
translate it::

    _("Only {author} can remove this.").format(author=name)
    ngettext("{count} image", "{count} images", count).format(count=count)
"""

import gettext as standard
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Final

_ENGLISH: Final = standard.NullTranslations()
_current: Final[ContextVar[standard.NullTranslations]] = ContextVar("language")


def gettext(sentence: str) -> str:
    """Return a sentence in the current language, in English where it is not translated."""
    return _current.get(_ENGLISH).gettext(sentence)


def ngettext(one: str, many: str, count: int) -> str:
    """Return the form of a sentence for ``count`` in the current language."""
    return _current.get(_ENGLISH).ngettext(one, many, count)


def languages() -> Mapping[str, str]:
    """Return locale → name of the languages that sentences can be in, each in its own words."""
    return {"en-US": "English"}


_ = gettext
