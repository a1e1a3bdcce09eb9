"""The files of translations, ``languages/*.po``: bring them up to date with the sentences in the code.

``python -m bot.ui.catalogs`` adds what is new to each file, without a translation, and drops what is gone.
"""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from bot.language import ENGLISH, languages

FOLDER: Final = Path(__file__).with_name("languages")
_ROOT: Final = Path(__file__).parents[2]
_KEYWORDS: Final = {"_": None, "gettext": None, "ngettext": (1, 2)}
_COMMENT: Final = "Translators:"  # begins a comment, on the line above a sentence, that goes into the files
_HEADER: Final = """\
# Sentences of Replicord. Untranslated ones are shown in English.
#
# Address people informally, as Discord does. Keep places in braces, Markdown, line breaks, and the names of commands
# (/models list), which become links. The English text says what happened, then what one can do."""
_WIDTH: Final = 120
_NO_DATE: Final = datetime(2000, 1, 1, tzinfo=UTC)  # a date of today would change with every update


def extract_sentences(root: Path = _ROOT) -> Catalog:
    """Return every sentence in the code that has to be translated, with the files where it stands."""
    sentences = Catalog(charset="utf-8", creation_date=_NO_DATE, fuzzy=False)
    for package in ("bot", "cogs"):
        found = extract_from_dir(
            root / package, method_map=[("**.py", "python")], keywords=_KEYWORDS, comment_tags=[_COMMENT]
        )
        for filename, line, message, comments, _context in found:
            where = (Path(package, filename).as_posix(), line)
            sentences.add(message, locations=[where], auto_comments=comments)
    return sentences


def read_catalog(language: str) -> Catalog:
    """Return the translations into a language; none if there is no file yet."""
    path, locale = catalog_path(language), language.replace("-", "_")
    if not path.exists():
        return Catalog(
            locale=locale,
            header_comment=_HEADER,
            project="Replicord",
            version="1",
            msgid_bugs_address="-",
            last_translator="-",
            language_team="-",
            creation_date=_NO_DATE,
            revision_date=_NO_DATE,
            fuzzy=False,
        )
    with path.open("rb") as file:
        return read_po(file, locale=locale)


def catalog_path(language: str) -> Path:
    return FOLDER / f"{language}.po"


def update_catalogs() -> Iterator[tuple[str, int]]:
    """Rewrite every file; yield each language, and how many of its sentences are not translated."""
    sentences = extract_sentences()
    for language in languages():
        if language == ENGLISH:
            continue
        catalog = read_catalog(language)
        catalog.update(sentences, no_fuzzy_matching=True, update_creation_date=False)
        with catalog_path(language).open("wb") as file:
            write_po(file, catalog, width=_WIDTH, sort_by_file=True, ignore_obsolete=True, include_lineno=False)
        yield language, sum(bool(message.id) and not is_translated(message.string) for message in catalog)


def is_translated(text: str | list[str] | tuple[str, ...] | None) -> bool:
    """Return whether a translation has all its forms."""
    return bool(text) if isinstance(text, str) else bool(text and all(text))


if __name__ == "__main__":
    for name, missing in update_catalogs():
        sys.stdout.write(f"{name}: {missing} sentences to translate\n")
