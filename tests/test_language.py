"""Which language a task speaks, and how sentences are said in it."""

import asyncio
import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot import language
from bot.errors import BadOption
from bot.language import (
    ENGLISH,
    _,
    current_language,
    find_language,
    languages,
    ngettext,
    retranslate,
    set_language,
    use_language,
)

HEADER = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\nPlural-Forms: {forms}\\n"\n'
CATALOGS = {
    "de": ("nplurals=2; plural=(n != 1);", ["{count} Bild", "{count} Bilder"]),
    "fr": ("nplurals=2; plural=(n > 1);", ["{count} image", "{count} images"]),
    "ja": ("nplurals=1; plural=0;", ["画像{count}枚"]),
}
SENTENCES = """
msgid "Only {author} can remove this."
msgstr "Nur {author} kann das entfernen."

msgid "{file} can't be used. {reason}"
msgstr "{file} geht nicht. {reason}"

msgid "It is empty."
msgstr "Es ist leer."

msgid "Broken: {count}"
msgstr "Kaputt: {anzahl}"
"""


@pytest.fixture
def _catalogs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, (forms, images) in CATALOGS.items():
        plurals = "".join(f'msgstr[{number}] "{image}"\n' for number, image in enumerate(images))
        text = f'msgid "{{count}} image"\nmsgid_plural "{{count}} images"\n{plurals}'
        (tmp_path / f"{name}.po").write_text(
            HEADER.format(forms=forms) + "\n" + text + (SENTENCES if name == "de" else ""), encoding="utf-8"
        )
    monkeypatch.setattr(language, "_FOLDER", tmp_path)
    language._load.cache_clear()
    yield
    language._load.cache_clear()


pytestmark = pytest.mark.usefixtures("_catalogs")


@pytest.mark.parametrize(
    ("locale", "found"),
    [
        ("de", "de"),
        ("en-GB", ENGLISH),
        ("en-US", ENGLISH),
        ("es-419", "es-ES"),
        ("pt", "pt-BR"),
        ("pt-PT", "pt-BR"),
        ("ja", "ja"),
        ("pl", ENGLISH),
        ("", ENGLISH),
        (None, ENGLISH),
    ],
)
def test_a_locale_is_spoken_in_the_nearest_language(locale: str | None, found: str) -> None:
    assert find_language(locale) == found
    assert found in languages()


def test_sentences_are_in_the_language_of_the_block() -> None:
    assert _("Only {author} can remove this.").format(author="mia") == "Only mia can remove this."
    with use_language("de"):
        assert _("Only {author} can remove this.").format(author="mia") == "Nur mia kann das entfernen."
        assert _("Nobody has translated this.") == "Nobody has translated this."
    assert current_language() == ENGLISH


@pytest.mark.parametrize(
    ("locale", "forms"),
    [
        ("en-US", ["0 images", "1 image", "2 images"]),
        ("de", ["0 Bilder", "1 Bild", "2 Bilder"]),
        ("fr", ["0 image", "1 image", "2 images"]),
        ("ja", ["画像0枚", "画像1枚", "画像2枚"]),
    ],
)
def test_each_language_has_its_own_plurals(locale: str, forms: list[str]) -> None:
    with use_language(locale):
        said = [ngettext("{count} image", "{count} images", count).format(count=count) for count in (0, 1, 2)]
    assert said == forms


def test_a_wrong_place_in_a_translation_costs_nothing() -> None:
    with use_language("de"):
        assert _("Broken: {count}").format(count=3) == "Broken: 3"


def test_a_sentence_is_said_again_with_those_in_it() -> None:
    reason = _("It is empty.")
    sentence = _("{file} can't be used. {reason}").format(file="a.png", reason=reason)
    images = ngettext("{count} image", "{count} images", 2).format(count=2)
    with use_language("de"):
        assert retranslate(sentence) == "a.png geht nicht. Es ist leer."
        assert retranslate(images) == "2 Bilder"
        assert retranslate("plain text") == "plain text"


def test_a_refusal_of_another_process_is_said_again() -> None:
    error = BadOption("image", _("{file} can't be used. {reason}").format(file="a.png", reason=_("It is empty.")))
    received = pickle.loads(pickle.dumps(error))  # noqa: S301  # our own
    assert received.sentence == "a.png can't be used. It is empty."
    with use_language("de"):
        assert received.sentence == "a.png geht nicht. Es ist leer."


async def test_a_task_speaks_for_itself_only() -> None:
    async def speak(locale: str) -> str:
        set_language(locale)
        await asyncio.sleep(0)
        return _("It is empty.")

    with use_language("ja"):
        said = await asyncio.gather(*(asyncio.create_task(speak(locale)) for locale in ("de", "fr")))
        assert current_language() == "ja"
    assert said == ["Es ist leer.", "It is empty."]


def test_languages_are_offered_in_their_own_words() -> None:
    offered = ["English", "Deutsch", "Español", "Français", "日本語", "한국어", "Português (Brasil)"]
    assert list(languages().values()) == offered
