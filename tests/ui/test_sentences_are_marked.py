"""No words reach people that cannot be translated: literals in what Discord shows, and in refusals, are marked."""

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
# What shows a text to people, by the name that is called; each argument, and the literals in it, may be one.
SINKS = frozenset({
    "Refused", "UserError", "BadOption", "BadImage", "UnknownModel", "ReplicateUnavailable", "AddressNotAllowed",
    "HostUnreachable", "FileGone", "TextDisplay", "Button", "Select", "SelectOption", "TextInput", "Label",
    "FormModal", "FormField", "Entry", "list_card", "sentence_card", "respond", "send_privately", "RunButton",
    "CardButton", "CardSelect", "PrebuiltLayout",
})  # fmt: skip
# Arguments of these that people do not read.
UNREAD = frozenset({"custom_id", "key", "value", "url", "image", "style", "name", "option"})
# Calls that hand on a text that they are given.
TRANSPARENT = frozenset(
    {"join_facts", "one_line", "truncate", "truncate_utf16", "join", "format", "capitalize", "text"}
)
WORDS = re.compile(r"[A-Za-z’']{2,}[,;:.!?]*\s+(?:[A-Za-z’'(]{2,}|\{)|^[A-Z][a-z]{2,}[.…]?$")
MARKS = frozenset({"_", "gettext", "ngettext"})
# Names of products, and examples of what to type.
NAMES = frozenset({"Replicord", "Replicate", "Discord"})


def test_words_for_people_are_marked() -> None:
    unmarked = [
        f"{path.relative_to(ROOT)}:{line}: {text}"
        for path in (*sorted(ROOT.glob("bot/**/*.py")), *sorted(ROOT.glob("cogs/**/*.py")))
        for line, text in unmarked_words(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert unmarked == []


def test_marked_sentences_are_outside_of_f_strings() -> None:
    """Python before 3.12 reads an f-string as one token, so that what is marked in it never reaches the catalogs."""
    hidden = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in (*sorted(ROOT.glob("bot/**/*.py")), *sorted(ROOT.glob("cogs/**/*.py")))
        for joined in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(joined, ast.JoinedStr)
        for node in ast.walk(joined)
        if isinstance(node, ast.Call) and name_of(node.func) in MARKS
    ]
    assert hidden == []


def unmarked_words(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and name_of(node.func) in SINKS:
            given = [*node.args, *(keyword.value for keyword in node.keywords if keyword.arg not in UNREAD)]
            for argument in given:
                yield from literals(argument)


def literals(node: ast.expr) -> Iterator[tuple[int, str]]:
    """Yield the literals with words in an expression, but for those that are marked."""
    text = ""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        text = node.value
    elif isinstance(node, ast.JoinedStr):
        text = "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    if WORDS.search(text) and text not in NAMES:
        yield node.lineno, text
    for part in shown_parts(node):
        yield from literals(part)


def shown_parts(node: ast.expr) -> Iterable[ast.expr]:
    """Return the parts of an expression whose texts are in what it shows."""
    match node:
        case ast.JoinedStr(values=parts):
            return [part.value for part in parts if isinstance(part, ast.FormattedValue)]
        case ast.Call(func=function, args=arguments, keywords=keywords) if name_of(function) in TRANSPARENT:
            return [*arguments, *(keyword.value for keyword in keywords)]
        case ast.IfExp(body=body, orelse=orelse):
            return body, orelse
        case ast.BinOp(left=left, right=right):
            return left, right
        case ast.List(elts=elements) | ast.Tuple(elts=elements):
            return elements
        case _:
            return ()


def name_of(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
