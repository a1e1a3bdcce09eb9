"""Render a run without any decoration, for when the rendering of its card raises. Pure.

Uses as little of the other rendering code as possible, so that it works when that does not.
"""

from typing import Final

from bot.language import _, retranslate, use_language
from bot.limits import ATTACHMENTS_PER_MESSAGE
from bot.outputs.items import FileItem, LinkItem, RemainderItem, TextItem
from bot.outputs.materialize import remainder_files
from bot.runs.snapshot import RunSnapshot
from bot.ui.components import Action, run_button_row
from bot.ui.render import payloads
from bot.ui.render.rendered_message import Part, RenderedMessage, RenderOptions, text_element, upload_name
from bot.ui.render.run_output import text_messages
from bot.visibility import Visibility

# Characters of a plain message; half of what Discord accepts, because some count twice there.
_PLAIN_CHARS: Final = 1900
_PLAIN_HEADING: Final = _("Something went wrong while I was building this message, so here is the plain result.")


def render_plain(snapshot: RunSnapshot, options: RenderOptions) -> tuple[RenderedMessage, ...]:
    """Return a run's output; the last line of a further message is its number.

    Text that needs more messages than it may fill goes into a file.
    """
    files = [item for item in snapshot.items if isinstance(item, FileItem)]
    with use_language(snapshot.run.place.language):
        texts, rest = _plain_texts(snapshot, options)
    if rest and snapshot.final:
        files += remainder_files(RemainderItem(rest), snapshot.run.command, snapshot.run.place.file_limit)
    files = [item for item in files if not options.hides_file(item.name)]
    count = max(1, len(texts), -(-len(files) // ATTACHMENTS_PER_MESSAGE))
    messages = []
    for number in range(count):
        own = files[number * ATTACHMENTS_PER_MESSAGE : (number + 1) * ATTACHMENTS_PER_MESSAGE]
        attached = {upload_name(file.name): file for file in own}
        shows_text = number < len(texts) and text_element(number) not in options.omitted
        components = [payloads.text(texts[number])] if shows_text else []
        spoiler = snapshot.run.visibility is Visibility.SPOILER
        components += [payloads.file(f"attachment://{name}", spoiler=spoiler) for name in attached]
        if number > 0:
            components.append(payloads.text(f"-# {number + 1}/{count}"))
        elif options.show_refresh and options.shows(Part.BUTTONS):
            components.append(run_button_row(snapshot.run.id, Action.REFRESH))
        elif not components:
            components.append(payloads.separator())
        messages.append(RenderedMessage(components, attached))
    return tuple(messages)


def _plain_texts(snapshot: RunSnapshot, options: RenderOptions) -> tuple[list[str], str]:
    """Return the texts of the plain messages, a heading, links and the output, and what has no space in them."""
    lines = [retranslate(line) for line in (_PLAIN_HEADING, *options.remarks, *options.withheld.values())]
    for item in snapshot.items:
        match item:
            case LinkItem() if item.url and options.shows(Part.LINKS):
                lines.append(f"{item.label}: <{item.url}>")
            case FileItem() if item.url and item.name in options.withheld and options.shows(Part.LINKS):
                lines.append(f"{item.name}: <{item.url}>")
            case LinkItem():
                lines.append(f"{item.label}: {item.reason}")
            case TextItem():
                lines.append(item.text)
            case _:
                pass
    text = "\n".join(lines)
    end = _PLAIN_CHARS * text_messages(snapshot, options)
    chunks = (text[start : start + _PLAIN_CHARS].strip() for start in range(0, min(end, len(text)), _PLAIN_CHARS))
    return [chunk for chunk in chunks if chunk], text[end:].strip()
