"""What a run has produced so far, from the stream and from polls, in display order."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeGuard, overload

import structlog

from bot.aio import cancel_and_wait, race
from bot.clock import Clock
from bot.language import _
from bot.large_json import encode
from bot.limits import JSON_FILES_HELD, RESPONSE_BYTES
from bot.media.types import MediaKind
from bot.outputs.items import FileItem, LinkItem, OutputItem, TextItem
from bot.outputs.materialize import Materializer
from bot.outputs.output_schema import is_concatenated_text, is_marked_concatenated
from bot.outputs.parse import RawData, RawFile, RawOutput, RawText, StreamKind, parse_output, stream_kind
from bot.outputs.row_output import fit_into_row
from bot.rules.verdict import Verdict

log = structlog.get_logger(__name__)

_Key = tuple[int | str | None, str]


class LazyItems(Sequence[OutputItem]):
    """Items that are built on first access and do not change afterwards.

    A model that writes thirty tokens a second causes many snapshots a second, of which one is sent. ``state`` stands
    for what the items are built from: two sequences of the same state are equal without being built.
    """

    __slots__ = ("_build", "_items", "_state")

    def __init__(self, build: Callable[[], Iterator[OutputItem]], state: object) -> None:
        self._build: Callable[[], Iterator[OutputItem]] | None = build
        self._items: tuple[OutputItem, ...] = ()
        self._state = state

    def _built(self) -> tuple[OutputItem, ...]:
        if self._build is not None:
            self._items = tuple(self._build())
            self._build = None
        return self._items

    @overload
    def __getitem__(self, index: int) -> OutputItem: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[OutputItem, ...]: ...
    def __getitem__(self, index: int | slice) -> OutputItem | tuple[OutputItem, ...]:
        return self._built()[index]

    def __iter__(self) -> Iterator[OutputItem]:
        return iter(self._built())

    def __len__(self) -> int:
        return len(self._built())

    def __eq__(self, other: object) -> bool:
        if isinstance(other, LazyItems):
            return self._state == other._state
        return self._built() == tuple(other) if isinstance(other, Sequence) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._built())

    def __repr__(self) -> str:
        return repr(self._built())


class OutputBuffer:
    """Collects a run's output.

    The stream is the faster of the two sources, polls are the authoritative one. While the run lasts, whichever has
    more is shown. ``set_final`` takes the last poll; what was streamed stays if that poll has no output. Files are
    downloaded in the background and appear in their place once they are on disk; then ``on_file_ready`` is called.

    ``holds_pictures``: no picture is shown before ``judge_pictures`` says that it may be.
    """

    def __init__(
        self,
        schema: Mapping[str, Any],
        *,
        materializer: Materializer,
        file_hosts: Collection[str],
        holds_pictures: bool = False,
    ) -> None:
        self._schema = schema
        self._materializer = materializer
        self._file_hosts = file_hosts
        self.on_file_ready: Callable[[], None] | None = None
        self._stream_kind = stream_kind(schema)
        self._one_per_line = is_concatenated_text(schema) and not is_marked_concatenated(schema)
        self._streamed_text = ""
        self._streamed_chunks: list[str] = []
        self._streamed_chars = 0
        self._streamed_urls: list[str] = []
        self._polled: Any = None
        self._polled_outputs: tuple[tuple[RawOutput, _Key], ...] = ()
        self._polled_chars = 0
        self._polled_files = 0
        self._is_final = False
        self._stream_leads = False  # the stream has more than the polls; never once a poll is final
        self._version = 0  # counts the changes of what can be shown
        self._materialized: dict[_Key, OutputItem] = {}
        self._downloads: dict[_Key, asyncio.Task[None]] = {}
        self._holds_pictures = holds_pictures
        self._verdicts: Mapping[str, Verdict] | None = None

    def restart(self) -> None:
        """Forget what was streamed: the prediction begins again. What polls showed stays until there is more."""
        self._streamed_text, self._streamed_chars = "", 0
        self._streamed_chunks.clear()
        self._streamed_urls.clear()
        self._update_lead()
        self._version += 1

    def add_streamed(self, outputs: Sequence[str]) -> bool:
        """Add output of the stream, and return whether it can be shown. The cost does not depend on the text so far."""
        if self._streamed_chars > RESPONSE_BYTES:
            return False  # it can no longer be the output: no poll brings as much
        if self._stream_kind is StreamKind.TEXT:
            self._streamed_chunks.extend(outputs)
            self._streamed_chars += sum(map(len, outputs))
        elif self._stream_kind is StreamKind.FILES and (urls := [url for url in map(str.strip, outputs) if url]):
            self._streamed_urls.extend(urls[: JSON_FILES_HELD - len(self._streamed_urls)])
        else:
            return False
        self._update_lead()
        if self._streamed_urls:
            self._start_downloads()
        self._version += 1
        return True

    def add_polled(self, output: Any) -> None:
        """Take the output of a poll."""
        if output is None or output == self._polled:
            return
        self._polled = output
        self._polled_outputs = tuple(_with_key(parse_output(output, self._schema, hosts=self._file_hosts)))
        self._polled_chars = sum(len(raw.text) for raw, _ in self._polled_outputs if isinstance(raw, RawText))
        self._polled_files = sum(isinstance(raw, RawFile) for raw, _ in self._polled_outputs)
        self._update_lead()
        if not self._stream_leads:
            self._start_downloads()
            self._version += 1

    def set_final(self, output: Any, *, complete: bool) -> None:
        """Take the output of the last poll. ``complete``: the run succeeded, so less than was streamed is right."""
        self.add_polled(output)
        self._is_final = complete and output is not None and bool(self._polled_outputs)
        self._update_lead()
        self._version += 1
        self._start_downloads()

    async def wait_for_files(self, clock: Clock, timeout: float) -> None:  # noqa: ASYNC109 - the clock is handed in
        """Return once every file is downloaded or known to stay a link, after ``timeout`` seconds at most.

        Files that the bot's disk had no room for are tried once more.
        """
        for key, item in self._materialized.items():
            if isinstance(item, LinkItem) and item.passing:
                del self._downloads[key]  # it is done; the link stays until the file is there
        self._start_downloads()
        if any(not task.done() for task in self._downloads.values()):
            await race(asyncio.wait(self._downloads.values()), clock.sleep(timeout))
        await self.close()
        for raw, key in self._raw_outputs():
            if isinstance(raw, RawFile):
                self._materialized.setdefault(key, _link(raw, _("It took too long to download.")))
        self._version += 1

    def list_pictures(self) -> tuple[FileItem, ...]:
        """Return every picture that is on disk, shown or held."""
        return tuple(item for item in self._materialized.values() if _is_picture(item))

    def judge_pictures(self, verdicts: Mapping[str, Verdict]) -> None:
        """Show the held pictures that are safe, by name; in the place of every other stands why it is not shown."""
        self._verdicts = verdicts
        self._version += 1

    async def close(self) -> None:
        """Cancel the downloads."""
        await cancel_and_wait(self._downloads.values())

    @property
    def is_text(self) -> bool:
        """Whether the stream brings text that grows, and not files."""
        return self._stream_kind is StreamKind.TEXT

    @property
    def has_streamed_text(self) -> bool:
        """Whether the stream has brought text."""
        return self._streamed_chars > 0

    @property
    def items(self) -> LazyItems:
        """What can be shown now; built on first access."""
        return LazyItems(self._build_items, (self, self._version))

    @property
    def is_downloading(self) -> bool:
        """Whether something that is known cannot be shown yet."""
        return len(self._materialized) < len(self._downloads)

    @property
    def file_count(self) -> int:
        """How many files are known, downloaded or not."""
        return len(self._streamed_urls) if self._stream_leads else self._polled_files

    async def store(self) -> Any:
        """Return the output for the row. What does not fit into it is on disk before."""
        output = self.output
        stored, is_complete = fit_into_row(output)
        if not is_complete:
            await self._materializer.save_output(output)
        return stored

    async def restore(self, stored: Any) -> None:
        """Take the output of a run that has ended, from disk or from its row."""
        self.set_final(await self._materializer.load_output(stored), complete=True)

    async def discard_files(self) -> None:
        """Delete the files of the run, once Discord has them."""
        await self.close()
        await self._materializer.discard()

    @property
    def output(self) -> Any:
        """The output so far, in the shape of the model's schema; None if there is none."""
        if not self._stream_leads:
            return self._polled
        values = self._streamed_urls or (list(self._streamed_chunks) if self._one_per_line else [self._text()])
        return values if self._schema.get("type") == "array" or len(values) > 1 else values[0]

    def _update_lead(self) -> None:
        has_more = len(self._streamed_urls) > self._polled_files or self._streamed_chars > self._polled_chars
        self._stream_leads = has_more and not self._is_final

    def _raw_outputs(self) -> tuple[tuple[RawOutput, _Key], ...]:
        if not self._stream_leads:
            return self._polled_outputs
        streamed = self._streamed_urls or (self._streamed_chunks if self._one_per_line else self._text())
        return tuple(_with_key(parse_output(streamed, self._schema, hosts=self._file_hosts)))

    def _text(self) -> str:
        if self._streamed_chunks:  # joined when the items are built, about once a second, not with every token
            self._streamed_text += "".join(self._streamed_chunks)
            self._streamed_chunks.clear()
        return self._streamed_text

    def _build_items(self) -> Iterator[OutputItem]:
        for raw, key in self._raw_outputs():
            if _is_plain_text(raw):
                yield TextItem(raw.text)
            elif (item := self._materialized.get(key)) is not None and (shown := self._judge(item)) is not None:
                yield shown

    def _judge(self, item: OutputItem) -> OutputItem | None:
        """Return what is shown of an item, None while it is held."""
        is_link = isinstance(item, LinkItem) and bool(item.url)  # perhaps to a picture, and nobody looked at it
        if not self._holds_pictures or not (is_link or _is_picture(item)):
            return item
        if self._verdicts is None:
            return None
        name = item.name if isinstance(item, FileItem) else getattr(item, "label", "")
        verdict = self._verdicts.get(name, Verdict.UNKNOWN)
        return item if verdict is Verdict.SAFE else LinkItem(name, "", _explain_verdict(verdict))

    def _start_downloads(self) -> None:
        for raw, key in self._raw_outputs():
            if not _is_plain_text(raw) and key not in self._downloads:
                self._downloads[key] = asyncio.create_task(self._materialize(raw, key), name="materialize an output")

    async def _materialize(self, raw: RawOutput, key: _Key) -> None:
        try:
            item = await self._materializer.materialize(raw)
        except Exception:  # one file must not end the run
            log.exception("output_not_materialized")
            item = _link(raw, _("It could not be downloaded."))
        self._materialized[key] = item
        self._version += 1
        if self.on_file_ready is not None:
            self.on_file_ready()


def _is_plain_text(raw: RawOutput) -> TypeGuard[RawText]:
    """Return whether an output is shown as it is: unlabelled text."""
    return isinstance(raw, RawText) and raw.label is None


def _is_picture(item: OutputItem) -> TypeGuard[FileItem]:
    return isinstance(item, FileItem) and item.type.kind is MediaKind.IMAGE


def _explain_verdict(verdict: Verdict) -> str:
    if verdict is Verdict.UNSAFE:
        return _("This server's check of pictures found that it isn't safe to show.")
    return _("It couldn't be checked, and this server shows only what was.")


def _with_key(outputs: Iterable[RawOutput]) -> Iterator[tuple[RawOutput, _Key]]:
    """Yield each output with a key that is unique within the run, and the same for every poll.

    It holds the text itself, not a copy: an inline file may have 30 MB, and there are several snapshots a second.
    """
    for raw in outputs:
        if isinstance(raw, RawFile):
            yield raw, (raw.index, raw.url)
        elif isinstance(raw, RawData):
            yield raw, (raw.index, "".join(encode(raw.data)))
        else:
            yield raw, (raw.label, raw.text)


def _link(raw: RawOutput, reason: str) -> LinkItem:
    url = raw.url if isinstance(raw, RawFile) and raw.url.startswith(("http://", "https://")) else ""
    number = "" if isinstance(raw, RawText) else f" {raw.index + 1}"
    return LinkItem(raw.label or f"output{number}", url, reason)
