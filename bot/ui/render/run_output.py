"""Render the output of a run: what goes into its card, and the further messages for what has no room there. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Final

from bot.formatting import replace_surrogates, utf16_length
from bot.language import _
from bot.limits import ATTACHMENTS_PER_MESSAGE, GALLERY_ITEMS, TEXT_CHARS, TEXT_MESSAGES_MAX
from bot.outputs.items import FileItem, LinkItem, OutputItem, RemainderItem, TextItem
from bot.outputs.materialize import remainder_files, remainder_name
from bot.outputs.paginate import MessageChunk, paginate
from bot.runs.snapshot import RunSnapshot
from bot.ui.render import payloads, strings
from bot.ui.render.markdown import format_code_block
from bot.ui.render.payloads import Component
from bot.ui.render.places import PicturePlaces, describe_place, place_name
from bot.ui.render.rendered_message import (
    Part,
    RenderedMessage,
    RenderOptions,
    line_element,
    text_element,
    upload_name,
)
from bot.visibility import Visibility

# Characters of a further message that are kept free for remarks and file notes.
_RESERVE_CHARS: Final = 700
# Of what a message keeps free, what the lines about files that are not shown may take in any case.
_WITHHELD_CHARS: Final = 400

# Characters of the lines in an ordinary message about files that are not shown, of the 2,000 that Discord takes.
_ORDINARY_CHARS: Final = 1200


def render_outputs(
    snapshot: RunSnapshot, options: RenderOptions, *, first_chars: int, files: int, places: PicturePlaces | None
) -> list[RenderedMessage]:
    """Return the output as messages: the first, with room for ``first_chars`` and ``files``, is for the card.

    Pictures that are still to come have their ``places`` on it.
    """
    chars = TEXT_CHARS - _RESERVE_CHARS
    items, audio = _split_audio(snapshot)
    chunks = paginate(
        (strings.escape_link_item(item) if isinstance(item, LinkItem) else item for item in items),
        first_chars=first_chars,
        chars=chars,
        files=files,
        text_messages=text_messages(snapshot, options),
    )
    parts = _replace_remainder(chunks, snapshot)
    if snapshot.run.chain is not None and not snapshot.run.chain.is_last:
        parts = parts[:1]  # the result of a chain is that of its last step
    outputs = [
        _render_output(
            items,
            snapshot,
            options,
            number=number,
            room=chars if number else first_chars,
            places=None if number else places,
        )
        for number, items in enumerate(parts)
    ]
    for start in range(0, len(audio), ATTACHMENTS_PER_MESSAGE):
        part = audio[start : start + ATTACHMENTS_PER_MESSAGE]
        rendered = _render_output(part, snapshot, options, number=len(outputs), room=_ORDINARY_CHARS)
        outputs.append(replace(rendered, ordinary=True))
    return outputs


def _split_audio(snapshot: RunSnapshot) -> tuple[Sequence[OutputItem], Sequence[FileItem]]:
    """Return the items for messages with components, and the audio files for the ordinary messages after those.

    Audio comes when everything else is there, so that no message changes its place. A step of a chain that goes on has
    only the card.
    """
    chain = snapshot.run.chain
    if chain is not None and not chain.is_last:
        return snapshot.items, ()
    audio = [item for item in snapshot.items if isinstance(item, FileItem) and item.is_audio]
    if not audio:
        return snapshot.items, ()
    others = [item for item in snapshot.items if not (isinstance(item, FileItem) and item.is_audio)]
    return others, audio if snapshot.final else ()


def text_messages(snapshot: RunSnapshot, options: RenderOptions) -> int:
    """Return how many messages text may fill; more where the file with the rest cannot be attached."""
    is_withheld = bool(options.withheld) and remainder_name(snapshot.run.command) in options.withheld
    return TEXT_MESSAGES_MAX if is_withheld else options.text_messages


def _replace_remainder(chunks: Iterable[MessageChunk], snapshot: RunSnapshot) -> list[Sequence[OutputItem]]:
    """Return the items of each message, with a line for the remainder of the text and at the end its file as well.

    A remainder over the limit of files has several; all but the first follow behind everything else.
    """
    parts: list[Sequence[OutputItem]] = []
    further: tuple[FileItem, ...] = ()
    for chunk in chunks:
        items: list[OutputItem] = []
        for item in chunk.items:
            if not isinstance(item, RemainderItem):
                items.append(item)
                continue
            size = len(item.text.encode("utf-8", "replace"))
            items.append(TextItem(strings.format_remainder(size, is_attached=snapshot.final)))
            if snapshot.final:
                first, *rest = remainder_files(item, snapshot.run.command, snapshot.run.place.file_limit)
                items.append(first)
                further = tuple(rest)
        parts.append(items)
    starts = range(0, len(further), ATTACHMENTS_PER_MESSAGE)
    return [*parts, *(further[start : start + ATTACHMENTS_PER_MESSAGE] for start in starts)]


def _render_output(
    items: Sequence[OutputItem],
    snapshot: RunSnapshot,
    options: RenderOptions,
    *,
    number: int,
    room: int,
    places: PicturePlaces | None = None,
) -> RenderedMessage:
    """Return message ``number`` with ``items`` in their order; they were given ``room`` characters.

    Pictures go into ``places``, and what is still to come has a place that is free.
    """
    shown = [item for item in items if not isinstance(item, FileItem) or not options.hides_file(item.name)]
    files = {upload_name(item.name): item for item in shown if isinstance(item, FileItem)}
    urls = {item.name: f"attachment://{name}" for name, item in files.items()}
    describes = options.shows(Part.ALT_TEXTS)
    alt_texts = strings.build_alt_texts(snapshot, prompt=options.shows(Part.PROMPT)) if files and describes else {}
    components: list[Component] = []
    spoiler = snapshot.run.visibility is Visibility.SPOILER
    free: Sequence[int] = ()
    if places is not None:
        numbered, free = _fill_places(places, [item for item in shown if isinstance(item, FileItem)])
        media = [
            (urls[item.name], alt_texts.get(item.name))
            if isinstance(item := numbered.get(place), FileItem)
            else (f"attachment://{place_name(place)}", describe_place(place, places.count) if describes else None)
            for place in sorted({*numbered, *free})
        ]
        components += _galleries(media, spoiler=spoiler)
        shown = [item for item in shown if item not in numbered.values()]
    for shape, group in groupby(shown, key=_shape):
        match shape:
            case "gallery":
                media = [(urls[item.name], alt_texts.get(item.name)) for item in group if isinstance(item, FileItem)]
                components += _galleries(media, spoiler=spoiler)
            case "file":
                components += [
                    payloads.file(urls[item.name], spoiler=spoiler) for item in group if isinstance(item, FileItem)
                ]
            case _:
                text = _join_texts(list(group), snapshot, options, number)
                components += [payloads.text(replace_surrogates(text))] if text else []
    notes = strings.format_file_notes(list(files.values())) if options.shows(Part.FILE_NOTES) else ""
    lines = [line for line in (_withheld_lines(items, snapshot, options, room), notes) if line]
    if lines:
        components.append(payloads.text("\n".join(lines)))
    return RenderedMessage(components, files, places={place_name(number): places for number in free} if places else {})


def _galleries(media: Sequence[tuple[str, str | None]], *, spoiler: bool) -> Iterator[Component]:
    """Yield galleries of pictures and videos, given by URL and alt text."""
    for start in range(0, len(media), GALLERY_ITEMS):
        yield payloads.gallery(media[start : start + GALLERY_ITEMS], spoiler=spoiler)


def _fill_places(places: PicturePlaces, files: Sequence[FileItem]) -> tuple[dict[int, FileItem], Sequence[int]]:
    """Return the pictures by the place that each has, and the places that are free.

    A picture has the place of its number; one without, or whose place is taken, the next free one. A file that is no
    picture takes up a place as well, for as many come as there are places.
    """
    taken: dict[int, FileItem] = {}
    for file in sorted(files, key=lambda file: file.number == 0):
        number = file.number
        if number == 0 or number in taken or number > places.count:
            number = next(one for one in range(1, len(files) + places.count + 1) if one not in taken)
        taken[number] = file
    free = [number for number in range(1, places.count + 1) if number not in taken]
    return {number: file for number, file in taken.items() if file.fits_gallery}, free


def _join_texts(items: Sequence[OutputItem], snapshot: RunSnapshot, options: RenderOptions, number: int) -> str:
    """Return texts and links in a row; one line instead of the texts that Discord refused."""
    lines: list[str] = []
    for item in items:
        if isinstance(item, TextItem) and text_element(number) in options.omitted:
            line = strings.format_text_left_out(_view_id(snapshot, options))
            lines += [] if line in lines else [line]
        elif isinstance(item, LinkItem) and not options.shows(Part.LINKS):
            lines.append(strings.format_link_item(replace(item, label=_("file"), url="")))
        elif isinstance(item, TextItem) and any(one.part is Part.LINE for one in options.omitted):
            lines.append(_leave_out_lines(_text(item), options))
        else:
            lines.append(_text(item))
    return "\n".join(line for line in lines if line.strip())


def _leave_out_lines(text: str, options: RenderOptions) -> str:
    lines = text.split("\n")
    return "\n".join(strings.LINE_LEFT_OUT if line_element(line) in options.omitted else line for line in lines)


def _withheld_lines(items: Sequence[OutputItem], snapshot: RunSnapshot, options: RenderOptions, room: int) -> str:
    """Return the lines that stand in for files, with links to them as far as there is room beside the texts."""
    if not options.withheld:
        return ""
    files = [item for item in items if isinstance(item, FileItem) and item.name in options.withheld]
    used = sum(utf16_length(_text(item)) for item in items)
    return strings.format_withheld(
        [(file, options.withheld[file.name]) for file in files],
        prediction_id=_view_id(snapshot, options),
        links=options.shows(Part.LINKS),
        chars=max(0, room - used) + _WITHHELD_CHARS,
    )


def _view_id(snapshot: RunSnapshot, options: RenderOptions) -> str | None:
    """Return the id of the prediction, if the message may link to it."""
    return strings.linked_prediction(snapshot.run) if options.shows(Part.LINKS) else None


def _shape(item: OutputItem) -> str:
    if isinstance(item, FileItem):
        return "gallery" if item.fits_gallery else "file"
    return "text"


def _text(item: OutputItem) -> str:
    match item:
        case LinkItem():
            return strings.format_link_item(item)
        case TextItem(text, language):
            return text if language is None else format_code_block(text, language)
        case _:
            return ""
