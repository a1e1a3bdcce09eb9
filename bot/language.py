"""The languages that people read the bot in, and the one that the current task speaks.

Every sentence for people goes through ``_`` or ``ngettext``, whole and with named places, so that one can find and
translate it::

    _("Only {author} can remove this.").format(author=name)
    ngettext("{count} image", "{count} images", count).format(count=count)

Whose language it is:

1. A task that handles an interaction speaks the person's (``bot.ui.spoken_language``): what only they see needs nothing
   more.
2. What everybody sees is rendered under ``use_language``, by the function that renders all of it. The card of a run
   speaks the language of its row (``Run.language``), in every process and after every restart: that of its server, and
   where only its author sees it, the author's.
3. A sentence that is made in one place and read in another (a refusal from a worker process, a note that was made while
   options were read and stands on a card) remembers its source: ``retranslate`` says it in the language spoken there.

Tasks begin with the language of the task that starts them, and others than these speak English.

The catalogs are gettext's (``bot/ui/languages/*.po``); what is not translated stays English.
"""

import asyncio
import gettext as standard
import io
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, lru_cache
from importlib import resources
from typing import Any, Final

from babel import Locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

ENGLISH: Final = "en-US"

# By Discord's names of locales (reference.mdx#locales), each in its own words.
_NAMES: Final[Mapping[str, str]] = {
    ENGLISH: "English",
    "de": "Deutsch",
    "es-ES": "Español",
    "fr": "Français",
    "ja": "日本語",
    "ko": "한국어",
    "pt-BR": "Português (Brasil)",
}

_Source = tuple[str] | tuple[str, str, int]  # what gettext or ngettext was called with

_FOLDER: Final = resources.files("bot") / "ui" / "languages"

_loaded: Final[set[str]] = {ENGLISH}
_loading: Final = threading.Lock()  # so that no catalog is read twice at once

_current: Final[ContextVar[str]] = ContextVar("language", default=ENGLISH)


def languages() -> Mapping[str, str]:
    """Return locale → name of the languages that sentences can be in, each in its own words."""
    return _NAMES


@lru_cache(maxsize=64)  # the start asks for every text of every command, in each of some thirty locales
def find_language(locale: str | None) -> str:
    """Return the language for a locale of Discord's: itself, another of its region, or English.

    So "es-419" is "es-ES", "pt" is "pt-BR", and "en-GB" as well as "pl" are "en-US".
    """
    if locale is not None and locale in _NAMES:
        return locale
    spoken = (locale or "").partition("-")[0]
    return next((one for one in _NAMES if spoken and one.partition("-")[0] == spoken), ENGLISH)


def current_language() -> str:
    """Return the language that the current task speaks, one of ``languages()``."""
    return _current.get()


def set_language(locale: str | None) -> None:
    """Let the current task speak the language of a locale from now on, and the tasks that it starts."""
    _current.set(find_language(locale))


def are_loaded(*locales: str | None) -> bool:
    """Return whether the languages of these locales can be spoken at once."""
    return _loaded.issuperset(map(find_language, locales))


async def load_languages(*locales: str | None) -> None:
    """Read the catalogs of these languages in a thread: the event loop would stand still for a tenth of a second."""
    for language in dict.fromkeys(map(find_language, locales)):
        if language not in _loaded:
            await asyncio.to_thread(_load_once, language)


def _load_once(language: str) -> None:
    with _loading:
        _load(language)
        _loaded.add(language)


@contextmanager
def use_language(locale: str | None) -> Iterator[None]:
    """Speak the language of a locale in the block."""
    token = _current.set(find_language(locale))
    try:
        yield
    finally:
        _current.reset(token)


def babel_locale() -> Locale:
    """Return how numbers, sizes and lists are written in the current language."""
    return _babel_locale(_current.get())


class Sentence(str):
    """A sentence in one language that can be said in another.

    Used as any text: what it is joined with, or cut from it, is a plain text.
    """

    __slots__ = ("source", "values")
    source: _Source
    values: Mapping[str, Any] | None  # of its places; None if they are not filled

    def format(self, *_: object, **values: object) -> "Sentence":
        """Fill the named places; those of a translation that are wrong do not cost the sentence."""
        try:
            text = str(self).format(**values)
        except (LookupError, ValueError):
            english = self.source[0] if len(self.source) == 1 or self.source[2] == 1 else self.source[1]
            text = english.format(**values)
        return _make_sentence(text, self.source, values)


def gettext(sentence: str) -> str:
    """Return a ``Sentence`` in the current language, in English where it is not translated."""
    return _make_sentence(_load(_current.get()).gettext(sentence), (sentence,))


def ngettext(one: str, many: str, count: int) -> str:
    """Return the form of a ``Sentence`` for ``count`` in the current language."""
    return _make_sentence(_load(_current.get()).ngettext(one, many, count), (one, many, count))


def retranslate(sentence: str) -> str:
    """Return a sentence, and those in its places, in the current language; any other text as it is."""
    if not isinstance(sentence, Sentence):
        return sentence
    source = sentence.source
    again = gettext(*source) if len(source) == 1 else ngettext(*source)
    if sentence.values is None:
        return again
    return again.format(
        **{name: retranslate(value) if isinstance(value, str) else value for name, value in sentence.values.items()}
    )


@cache
def _load(language: str) -> standard.NullTranslations:
    file = _FOLDER / f"{language}.po"
    if not file.is_file():
        return standard.NullTranslations()
    with file.open("rb") as source:
        catalog = read_po(source, locale=language.replace("-", "_"))
    compiled = io.BytesIO()
    write_mo(compiled, catalog)
    compiled.seek(0)
    return standard.GNUTranslations(compiled)


@cache
def _babel_locale(language: str) -> Locale:
    return Locale.parse(language, sep="-")


def _make_sentence(text: str, source: _Source, values: Mapping[str, Any] | None = None) -> Sentence:
    sentence = Sentence(text)
    sentence.source, sentence.values = source, values
    return sentence


_ = gettext
