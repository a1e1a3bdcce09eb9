"""What a run has produced so far, from the stream and from polls, in display order."""

import asyncio
import json
import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, TypeGuard, overload

from bot.aio import cancel_and_wait, race
from bot.clock import Clock
from bot.outputs.items import LinkItem, OutputItem, TextItem
from bot.outputs.output_schema import is_concatenated_text, is_marked_concatenated
from bot.outputs.parse import RawData, RawFile, RawOutput, RawText, StreamKind, parse_output, stream_kind
from bot.runs.ports import Gatherer


class LazyItems(Sequence[OutputItem]):
    """Made at the first look and the same from then on.

    A model that writes thirty tokens a second makes many pages a second, of which one is sent. ``state`` is of what
    they are made: the same whenever the same parts would be made, another after every change.
    """

    __slots__ = ("_made", "_make", "_state")

    def __init__(self, make: Callable[[], Iterator[OutputItem]], state: object) -> None:
        self._make: Callable[[], Iterator[OutputItem]] | None = make
        self._made: tuple[OutputItem, ...] = ()
        self._state = state

    def _all(self) -> tuple[OutputItem, ...]:
        if self._make is not None:
            self._made = tuple(self._make())
            self._make = None
        return self._made

    @overload
    def __getitem__(self, index: int) -> OutputItem: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[OutputItem, ...]: ...
    def __getitem__(self, index: int | slice) -> OutputItem | tuple[OutputItem, ...]:
        return self._all()[index]

    def __iter__(self) -> Iterator[OutputItem]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def __eq__(self, other: object) -> bool:
        if isinstance(other, LazyItems):
            return self._state == other._state
        return self._all() == tuple(other) if isinstance(other, Sequence) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._all())

    def __repr__(self) -> str:
        return repr(self._all())


log = logging.getLogger(__name__)


class OutputBuffer:
    """Collects a run's output.

    The stream is the quicker of the two sources and the GET the surer one. While the run goes on, whichever has more
    is shown. ``settle`` takes the GET's last word; what the stream had delivered stays when that word is "nothing".
    Files are gathered in the background and appear when they are on our disk, in their place.
    """

    def __init__(self, schema: Mapping[str, Any], *, gatherer: Gatherer, hosts: Collection[str]) -> None:
        self._schema = schema
        self._hosts = hosts
        self._reads = stream_kind(schema)
        self._gatherer = gatherer
        self._changed: Callable[[], None] = _nobody
        self._joined = ""
        self._chunks: list[str] = []
        self._states = 0  # how often what can be shown changed
        self._in_lines = is_concatenated_text(schema) and not is_marked_concatenated(schema)
        self._heard_chars = 0
        self._heard_urls: list[str] = []
        self._output: Any = None
        self._seen: tuple[RawOutput, ...] = ()
        self._seen_chars = 0
        self._seen_files = 0
        self._settled = False
        self._ready: dict[str, OutputItem] = {}
        self._fetches: dict[str, asyncio.Task[None]] = {}

    def tell(self, changed: Callable[[], None]) -> None:
        """Have ``changed`` called whenever there is more to see."""
        self._changed = changed

    def hear(self, outputs: Sequence[str]) -> None:
        """Take output events of the stream. Costs the same however long the text has become."""
        if self._reads is StreamKind.TEXT:
            self._chunks.extend(outputs)
            self._heard_chars += sum(map(len, outputs))
        elif self._reads is StreamKind.FILES and (urls := [url for url in map(str.strip, outputs) if url]):
            self._heard_urls.extend(urls)
            self._gather()
        else:
            return
        self._has_more()

    def see(self, output: Any) -> None:
        """Take the output of a GET while the run goes on."""
        if output is None or output == self._output:
            return
        self._output = output
        self._seen = parse_output(output, self._schema, hosts=self._hosts)
        self._seen_chars = sum(len(piece.text) for piece in self._seen if isinstance(piece, RawText))
        self._seen_files = sum(isinstance(piece, RawFile) for piece in self._seen)
        if not self._stream_leads:
            self._gather()
            self._has_more()

    def settle(self, output: Any, *, complete: bool) -> None:
        """Take the last word on the output. ``complete``: the run succeeded, so a shorter output is the right one."""
        self.see(output)
        self._settled = complete and output is not None and bool(self._seen)
        self._states += 1
        self._gather()

    async def finished(self, clock: Clock, longest: float) -> None:
        """Return when all that is shown is on our disk or known to stay a link, after ``longest`` seconds at most."""
        if any(not task.done() for task in self._fetches.values()):
            await race(asyncio.wait(self._fetches.values()), clock.sleep(longest))
        await self.close()
        for piece in self._shown():
            if isinstance(piece, RawFile):
                self._ready.setdefault(_key(piece), _link(piece, "It took too long to download."))
        self._states += 1

    async def close(self) -> None:
        """Stop fetching."""
        await cancel_and_wait(self._fetches.values())

    @property
    def writes(self) -> bool:
        """Whether what is made is a text that grows, and no files."""
        return self._reads is StreamKind.TEXT

    @property
    def parts(self) -> LazyItems:
        """What can be shown now; put together when it is first looked at."""
        return LazyItems(self._parts, (self, self._states))

    @property
    def gathering(self) -> bool:
        """Whether something that is known is not here yet."""
        return len(self._ready) < len(self._fetches)

    @property
    def made(self) -> int:
        """How many files are known, on our disk or not."""
        return len(self._heard_urls) if self._stream_leads else self._seen_files

    @property
    def output(self) -> Any:
        """The output for the row, in the shape that the model's schema gives it; None when nothing was made."""
        if not self._stream_leads:
            return self._output
        values = self._heard_urls or (list(self._chunks) if self._in_lines else [self._text()])
        return values if self._schema.get("type") == "array" or len(values) > 1 else values[0]

    @property
    def _stream_leads(self) -> bool:
        """Whether the stream has more than the GETs; never once a GET had the last word."""
        if self._settled:
            return False
        return len(self._heard_urls) > self._seen_files or self._heard_chars > self._seen_chars

    def _has_more(self) -> None:
        self._states += 1
        self._changed()

    def _shown(self) -> tuple[RawOutput, ...]:
        if not self._stream_leads:
            return self._seen
        heard = self._heard_urls or (self._chunks if self._in_lines else self._text())
        return parse_output(heard, self._schema, hosts=self._hosts)

    def _text(self) -> str:
        if self._chunks:  # joined when somebody looks, about once a second, not at every token
            self._joined += "".join(self._chunks)
            self._chunks.clear()
        return self._joined

    def _parts(self) -> Iterator[OutputItem]:
        for piece in self._shown():
            if _is_plain(piece):
                yield TextItem(piece.text)
            elif (part := self._ready.get(_key(piece))) is not None:
                yield part

    def _gather(self) -> None:
        """Have everything gathered that is not there yet and takes more than a look."""
        for piece in self._shown():
            if not _is_plain(piece) and (key := _key(piece)) not in self._fetches:
                self._fetches[key] = asyncio.create_task(self._take(piece, key), name="gather an output")

    async def _take(self, piece: RawOutput, key: str) -> None:
        try:
            part = await self._gatherer.take(piece)
        except Exception:  # one file's trouble is not the run's
            log.exception("an output could not be gathered")
            part = _link(piece, "It could not be downloaded.")
        self._ready[key] = part
        self._has_more()


def _is_plain(piece: RawOutput) -> TypeGuard[RawText]:
    """Whether a piece is shown as it is, as the words of a model that writes are."""
    return isinstance(piece, RawText) and piece.label is None


def _key(piece: RawOutput) -> str:
    """Return what tells a piece from every other of its run, and is the same whenever it is seen again."""
    if isinstance(piece, RawFile):
        return f"{piece.index} {piece.url}"
    if isinstance(piece, RawData):
        return f"{piece.index} {json.dumps(piece.data, sort_keys=True)}"
    return f"{piece.label} {piece.text}"


def _link(piece: RawOutput, reason: str) -> LinkItem:
    url = piece.url if isinstance(piece, RawFile) and piece.url.startswith(("http://", "https://")) else ""
    number = "" if isinstance(piece, RawText) else f" {piece.index + 1}"
    return LinkItem(piece.label or f"output{number}", url, reason)


def _nobody() -> None:
    """Nobody looks yet."""
