"""Every sentence is translated into every language, so that its places and marks are still there and it fits."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message

from bot.language import ENGLISH, languages
from bot.ui.catalogs import extract_sentences, is_translated, read_catalog

ROOT = Path(__file__).parents[2]
TRANSLATED = [language for language in languages() if language != ENGLISH]
# Read when a test asks, because every worker imports this module, and one of them runs its tests.
sentences_in_code = cache(extract_sentences)
translations_into = cache(read_catalog)

PLACE = re.compile(r"\{\w+\}")
# Marks that open and close something, how a line begins, and names of commands, which become mentions.
MARKS = re.compile(r"\*\*|`|\n|^-# |^### |\]\(|(?<![\w/<.:])/[a-z]{2,}")

# What Discord accepts at most, by the argument that a sentence is given to.
BOUNDS = {"label": 80, "placeholder": 150, "description": 100, "title": 45}
LABEL_TEXT_CHARS = 45


def texts(message: Message) -> tuple[str, ...]:
    """Return the forms of a sentence in English."""
    return (message.id,) if isinstance(message.id, str) else tuple(message.id)


def translations(message: Message) -> tuple[str, ...]:
    return (message.string,) if isinstance(message.string, str) else tuple(message.string or ())


def sentences(catalog: Catalog) -> Iterator[tuple[Message, Message]]:
    """Yield each sentence of the code with its translation."""
    for message in sentences_in_code():
        if message.id:
            translated = catalog.get(message.id)
            if translated is not None and is_translated(translated.string):
                yield message, translated


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_sentence_is_translated(language: str) -> None:
    catalog = translations_into(language)
    missing = []
    for message in sentences_in_code():
        found = catalog.get(message.id)
        if message.id and (found is None or found.fuzzy or not is_translated(found.string)):
            missing.append(message.id)
    assert missing == []


def test_places_have_names() -> None:
    identified = [message for message in sentences_in_code() if message.id]
    unnamed = [message.id for message in identified if any("{}" in text for text in texts(message))]
    assert unnamed == []


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_plural_form_is_there(language: str) -> None:
    catalog = translations_into(language)
    wrong = [
        message.id
        for message, translated in sentences(catalog)
        if len(translations(translated)) != (catalog.num_plurals if message.pluralizable else 1)
    ]
    assert wrong == []


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_place_is_in_each_form(language: str) -> None:
    wrong = []
    for message, translated in sentences(translations_into(language)):
        allowed = {frozenset(PLACE.findall(text)) for text in texts(message)}
        fullest = frozenset().union(*allowed)
        last = frozenset(PLACE.findall(translations(translated)[-1]))
        forms = {frozenset(PLACE.findall(text)) for text in translations(translated)}
        if last != fullest or not forms <= allowed:
            wrong.append((message.id, translated.string))
    assert wrong == []


@pytest.mark.parametrize("language", TRANSLATED)
def test_marks_are_those_of_the_english_sentence(language: str) -> None:
    wrong = []
    for message, translated in sentences(translations_into(language)):
        expected = Counter(MARKS.findall(texts(message)[-1]))
        for text in translations(translated):
            edges = text.strip() == text or texts(message)[-1].strip() != texts(message)[-1]
            if Counter(MARKS.findall(text)) != expected or not edges:
                wrong.append((message.id, text))
    assert wrong == []


@pytest.mark.parametrize("language", TRANSLATED)
def test_what_discord_bounds_is_short_enough(language: str) -> None:
    catalog, too_long = translations_into(language), []
    for sentence, bound in bounded_sentences():
        found = catalog.get(sentence)
        too_long += [(sentence, text) for text in translations(found) if len(text) > bound] if found else []
    assert too_long == []


@cache
def bounded_sentences() -> tuple[tuple[str, int], ...]:
    """Return the sentences that go into labels, placeholders and titles of forms, with what Discord accepts."""
    return tuple(find_bounded_sentences())


def find_bounded_sentences() -> Iterator[tuple[str, int]]:
    for path in (*ROOT.glob("bot/**/*.py"), *ROOT.glob("cogs/**/*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                yield from bounded_arguments(node)
            if isinstance(node, ast.FunctionDef) and node.name.endswith("_label"):
                yield from ((sentence, BOUNDS["label"]) for sentence in marked(node))
    components = (ROOT / "bot/ui/components.py").read_text(encoding="utf-8")
    yield from ((sentence, BOUNDS["label"]) for sentence in marked(ast.parse(components)))


def bounded_arguments(call: ast.Call) -> Iterator[tuple[str, int]]:
    for keyword in call.keywords:
        bound = BOUNDS.get(keyword.arg or "")
        if name_of(call.func) == "Label" and keyword.arg == "text":
            bound = LABEL_TEXT_CHARS
        if keyword.arg == "title" and name_of(call.func) in ("list_card", "added_card"):
            bound = None
        if bound is not None:
            yield from ((sentence, bound) for sentence in marked(keyword.value))
    if name_of(call.func) == "label":  # of a form: label(text, item, description)
        for position, bound in ((0, LABEL_TEXT_CHARS), (2, BOUNDS["description"])):
            for given in call.args[position : position + 1]:
                yield from ((sentence, bound) for sentence in marked(given))


def name_of(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def marked(tree: ast.AST) -> Iterator[str]:
    """Yield the sentences in a piece of code that are marked for translation."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and name_of(node.func) == "_" and isinstance(node.args[0], ast.Constant):
            yield str(node.args[0].value)
