"""Slash commands that people can click: ``</models list:123>`` opens the command in Discord's client.

Sentences name commands plainly, as in "See them with /models list"; ``link_commands`` makes mentions of the names when
a sentence leaves the bot. A command has an id once Discord knows it, and until then its name stays as it is.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextvars import ContextVar
from typing import Any, Final

from bot.formatting import utf16_length

_SLASH_COMMAND: Final = 1  # Discord's types of commands and options
_SUBCOMMAND: Final = 1
_GROUP: Final = 2

# A name in code, in quotation marks or in a link is somebody's text, or a thing that is not clicked; a command alone in
# code is one of ours.
_PARTS: Final = re.compile(r"`/[-\w ]+`|`[^`]*`|“[^”]*”|\]\([^)]*\)|<[^<>\s][^<>]*>|https?://\S+")


class CommandMentions:
    """The mention of each command that Discord knows, by its full name such as "models list"."""

    def __init__(self) -> None:
        self._mentions: Mapping[str, str] = {}
        self._names = _match_names(())

    def load(self, ids: Mapping[str, int]) -> None:
        """Take ``ids``, as ``read_ids`` returns them, in the place of those from before."""
        self._mentions = {name: f"</{name}:{number}>" for name, number in ids.items()}
        self._names = _match_names(self._mentions)

    def mention(self, name: str) -> str:
        """Return a command as people click it; "/name" while its id is not known."""
        return self._mentions.get(name, f"/{name}")

    def link(self, text: str) -> str:
        """Return a text of ours with mentions in the place of the names of commands."""
        if not self._mentions or "/" not in text:
            return text
        parts: list[str] = []
        position = 0
        for match in _PARTS.finditer(text):
            parts += (self._link_names(text[position : match.start()]), self._link_part(match[0]))
            position = match.end()
        return "".join((*parts, self._link_names(text[position:])))

    def _link_names(self, text: str) -> str:
        return self._names.sub(lambda match: self._mentions[match[1]], text)

    def _link_part(self, part: str) -> str:
        return self._mentions.get(part[2:-1], part) if part.startswith("`/") else part

    def use(self) -> None:
        """Make these the mentions of the current task, and of every task that it starts."""
        _current.set(self)


_current: Final[ContextVar[CommandMentions]] = ContextVar("command_mentions")


def mention_command(name: str) -> str:
    """Return a command as people click it, such as "chain run"; "/chain run" while its id is not known."""
    mentions = _current.get(None)
    return f"/{name}" if mentions is None else mentions.mention(name)


def link_commands(text: str, *, chars: int) -> str:
    """Return a text of ours with mentions in the place of the names of commands whose ids are known.

    Mentions are longer: what would have more than ``chars`` UTF-16 units with them is returned as it is.
    """
    mentions = _current.get(None)
    linked = text if mentions is None else mentions.link(text)
    return linked if utf16_length(linked) <= chars else text


def read_ids(commands: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Return full name → id of the slash commands in an answer of Discord's; a subcommand has the id of its command."""
    return {
        name: int(command["id"])
        for command in commands
        if command.get("type", _SLASH_COMMAND) == _SLASH_COMMAND
        for name in _list_names(str(command["name"]), command.get("options") or ())
    }


def _list_names(name: str, options: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the command's name, or those of its subcommands: a command that has some cannot be used itself."""
    inner = [option for option in options if option.get("type") in (_SUBCOMMAND, _GROUP)]
    if not inner:
        yield name
    for option in inner:
        is_group = option["type"] == _GROUP
        yield from _list_names(f"{name} {option['name']}", (option.get("options") or ()) if is_group else ())


def _match_names(names: Iterable[str]) -> re.Pattern[str]:
    """Return the pattern of a name behind a slash that stands by itself, the longest name first."""
    longest_first = sorted(names, key=lambda name: (-len(name), name))
    return re.compile(rf"(?<![^\s(*])/({'|'.join(map(re.escape, longest_first)) or '(?!)'})(?![-\w/])")
