"""Find out which parts of a message Discord refuses, so that only they are left out. Pure.

Discord names the refused field for some errors ("Invalid Form Body"), and nothing for others (AutoMod). A named field
is traced back to its part by leaving out one part after the other and looking which one makes the field disappear. For
the rest, the message is sent with less and more in it until the refused parts are known.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import discord

from bot.discord_internals import error_fields
from bot.outputs.paginate import FENCE
from bot.ui.render.payloads import Component
from bot.ui.render.rendered_message import (
    DECORATION,
    ORDER,
    THUMBNAIL_NAME,
    Element,
    Part,
    RenderedMessage,
    file_element,
    line_element,
    text_element,
)
from bot.ui.reply.errors import DiscordErrorKind, classify_error
from bot.ui.reply.messages import TrackedMessage

Render = Callable[[frozenset[Element]], Sequence[RenderedMessage]]

SEARCHED_KINDS: Final = frozenset({DiscordErrorKind.BLOCKED, DiscordErrorKind.INVALID})

_SINGLE_PARTS: Final = tuple(part for part in Part if part not in (Part.LINE, Part.TEXT, Part.FILE))
_MAX_LINES: Final = 3  # of more blocked lines, the whole text is left out; each takes some seven attempts
_WORDLESS: Final = frozenset({Part.PLACES, Part.THUMBNAIL, Part.FILE})


@dataclass(frozen=True, slots=True)
class RefusalSearch:
    """Search the refused ones of ``suspects``, which go from the least to the most valuable.

    In each test the ``refused`` ones and the first ``count`` suspects are left out. The message is accepted if and only
    if all refused parts are left out; it is refused with ``low`` of the suspects left out and accepted with ``high``.
    The first test leaves out all, so that what is not suspected is shown at once; the next one none.
    """

    suspects: tuple[Element, ...]
    count: int
    high: int
    low: int = -1
    refused: frozenset[Element] = frozenset()
    verified: bool = False
    done: bool = False

    @classmethod
    def begin(cls, suspects: Iterable[Element]) -> "RefusalSearch":
        """Start a search after the message with all suspects in it was refused."""
        ordered = tuple(sorted(suspects, key=lambda one: ORDER[one.part]))
        return cls(ordered, count=len(ordered), high=len(ordered), low=0)

    @property
    def left_out(self) -> frozenset[Element]:
        """What to leave out in the next test; the result when the search is done."""
        return self.refused | frozenset(self.suspects[: self.count])

    def after(self, *, accepted: bool) -> "RefusalSearch | None":
        """Return the search after a test; None if the message is refused even without all suspects."""
        if not accepted and not self.verified and self.count == len(self.suspects):
            return None
        search = replace(self, verified=True)
        if accepted and self.count <= 0:
            return replace(search, done=True)
        search = replace(search, high=self.count) if accepted else replace(search, low=self.count)
        if search.high - search.low > 1:
            return replace(search, count=(search.low + search.high) // 2)
        found = search.suspects[search.high - 1]
        refused = search.refused | {found}
        suspects = search.suspects[: search.high - 1]
        if not suspects:
            return RefusalSearch((), count=0, high=0, refused=refused, verified=True, done=True)
        return RefusalSearch(suspects, count=0, high=len(suspects), low=-1, refused=refused, verified=True)


class MessageSearch:
    """The attempts to send one message without what Discord refuses of it.

    ``left_out`` is what to leave out in the next attempt, ``refused`` what is known to be refused. ``render`` renders
    all messages without some parts. ``by_line``: of a text that is blocked, only the lines are left out that are; that
    takes more attempts, and the text has to be complete.
    """

    def __init__(self, message: TrackedMessage, render: Render, *, by_line: bool = False) -> None:
        self.left_out: frozenset[Element] = frozenset()
        self.refused: frozenset[Element] = frozenset()
        self.blocked = False
        self.done = False
        self._message = message
        self._render = render
        self._rendered: dict[Element | None, list[Component]] = {}
        self._search: RefusalSearch | None = None
        self._sent_again = False
        self._widened = False
        self._by_line = by_line
        self._lines: dict[Element, str] = {}

    def accept(self) -> bool:
        """Take note that Discord accepted the last attempt; return whether nothing else has to be tried."""
        search = self._search.after(accepted=True) if self._search is not None else None
        if search is None:
            return True
        self._continue(search)
        return False

    def refuse(self, error: Exception, refused: RenderedMessage, *, attachments: Sequence[str]) -> bool:
        """Decide what to leave out next; return False if Discord refuses the message whatever is left out.

        ``attachments`` are the upload names in the order of the request. What is invalid is sent once more as it is,
        unless Discord names a decoration: it may be refused in passing.
        """
        self.blocked = classify_error(error) is DiscordErrorKind.BLOCKED
        fields = error_fields(error) if isinstance(error, discord.HTTPException) else ()
        parts = self._parts()
        traced = [self._trace(path, refused, parts, attachments) for path in fields]
        certain = frozenset(one for found in traced if len(found) == 1 for one in found)
        is_decoration = bool(certain) and {one.part for one in certain} <= DECORATION
        if not self.blocked and not self._sent_again and not is_decoration:
            self._sent_again = True
            return True
        if certain - self.refused:
            self.refused |= certain
            self.left_out, self._search = frozenset(), None
            return True
        return self._narrow(parts, [one for found in traced for one in found])

    def _narrow(self, parts: list[Element], suspects: Collection[Element]) -> bool:
        """Begin the search, or take its next step."""
        if self._search is None:
            return self._begin(list(suspects) or [one for one in parts if self._is_new(one)] or parts)
        search = self._search.after(accepted=False)
        if search is not None:
            self._continue(search)
            return True
        if self._by_line:
            self._by_line = False
            return self._begin(self._parts())
        if self._widened or set(parts) == set(self._search.suspects):
            return False
        self._widened = True
        return self._begin(parts)

    def _begin(self, suspects: Collection[Element]) -> bool:
        if not suspects:
            return False
        self._continue(RefusalSearch.begin(suspects))
        return True

    def _continue(self, search: RefusalSearch) -> None:
        if self._by_line and sum(one.part is Part.LINE for one in search.refused) > _MAX_LINES:
            self._by_line = False
            search = RefusalSearch.begin(self._parts())
        self._search, self.done = search, search.done
        if search.done:
            self.refused, self.left_out = self.refused | search.left_out, frozenset()
        else:
            self.left_out = search.left_out

    def _parts(self) -> list[Element]:
        """Return the parts that may be refused, from the least to the most valuable.

        Discord has taken the files that it has, and AutoMod reads words.
        """
        number, attached = self._message.number, self._message.attachments
        rendered = self._render(frozenset())
        files = rendered[number].files.items() if number < len(rendered) else ()
        candidates = [
            *map(Element, _SINGLE_PARTS),
            text_element(number),
            *(file_element(file.name) for name, file in files if name not in attached),
        ]
        if not self.blocked:
            return [one for one in candidates if self._without(one) != self._without(None)]
        parts = [one for one in candidates if one.part not in _WORDLESS and self._without(one) != self._without(None)]
        if not self._by_line or text_element(number) not in parts:
            return parts
        self._lines = self._find_lines()
        if len(self._lines) < 2:
            return parts
        return [*(one for one in parts if one.part is not Part.TEXT), *self._lines]

    def _find_lines(self) -> dict[Element, str]:
        """Return the lines of the output text in the message."""
        without = self._without(text_element(self._message.number))
        texts = [
            leaf["content"]
            for leaf in _leaves(self._without(None))
            if "content" in leaf and not _contains(without, None, leaf)
        ]
        lines = (line for text in texts for line in text.split("\n"))
        return {line_element(line): line for line in lines if line.strip() and not line.startswith(FENCE)}

    def _is_new(self, element: Element) -> bool:
        """Return whether a part has something in it that Discord does not show yet."""
        shown = self._message.shown
        if shown is None:
            return True
        if element in self._lines:
            line = self._lines[element]
            return not any(line in leaf.get("content", "") for leaf in _leaves(shown))
        without = self._without(element)
        own = [leaf for leaf in _leaves(self._without(None)) if not _contains(without, None, leaf)]
        return any(not _contains(shown, None, leaf) for leaf in own)

    def _trace(
        self, path: Sequence[str], refused: RenderedMessage, parts: list[Element], attachments: Sequence[str]
    ) -> list[Element]:
        """Return the parts that a refused field may belong to; [] if that is not known."""
        path = path[path[:1] == ("data",) :]
        match path[:1]:
            case ("attachments",) | ("files",):
                return _attachment_parts(path, refused, attachments, parts)
            case ("components",):
                key, value = _value_at(refused.components, path[1:])
                return [one for one in parts if not _contains(self._without(one), key, value)]
            case _:
                return []

    def _without(self, element: Element | None) -> list[Component]:
        """Return the components of the message without a part, or with all."""
        if element not in self._rendered:
            rendered = self._render(frozenset() if element is None else frozenset({element}))
            number = self._message.number
            self._rendered[element] = rendered[number].components if number < len(rendered) else []
        return self._rendered[element]


def _attachment_parts(
    path: Sequence[str], message: RenderedMessage, attachments: Sequence[str], parts: list[Element]
) -> list[Element]:
    index = int(path[1]) if len(path) > 1 and path[1].isdecimal() else -1
    if not 0 <= index < len(attachments):
        return [one for one in parts if one.part in _WORDLESS]
    name = attachments[index]
    element = Element(Part.THUMBNAIL) if name == THUMBNAIL_NAME else None
    if name in message.places:
        element = Element(Part.PLACES)
    if element is None and name in message.files:
        element = file_element(message.files[name].name)
    return [element] if element is not None else []


def _value_at(components: list[Component], path: Sequence[str]) -> tuple[str | None, Any]:
    """Return the object at a path as (None, object), or a scalar as (its key, scalar).

    A list, or nothing at all, is (None, components): no part alone makes all of them disappear, so none is found.
    """
    node: Any = components
    key: str | None = None
    for step in path:
        if isinstance(node, list) and step.isdecimal() and int(step) < len(node):
            node, key = node[int(step)], None
        elif isinstance(node, dict) and step in node:
            node, key = node[step], step
        elif isinstance(node, dict):
            break  # a field that is missing: its component is what is refused
        else:
            return None, components
    if isinstance(node, list):
        return None, components
    return (None, node) if isinstance(node, dict) else (key, node)


def _contains(node: Any, key: str | None, value: Any) -> bool:
    """Return whether an object equal to ``value`` is in a payload, or one that has it under ``key``."""
    if isinstance(node, dict):
        if (key is None and node == value) or (key is not None and node.get(key) == value):
            return True
        return any(_contains(inner, key, value) for inner in node.values() if isinstance(inner, (dict, list)))
    return any(_contains(inner, key, value) for inner in node if isinstance(inner, (dict, list)))


def _leaves(node: Any) -> Iterator[Component]:
    """Yield the components that have no others in them, and the items of galleries."""
    if isinstance(node, list):
        for inner in node:
            yield from _leaves(inner)
    elif "items" in node:
        yield from node["items"]
    elif "components" in node:
        yield from _leaves(node["components"])
        if "accessory" in node:
            yield node["accessory"]
    else:
        yield node
