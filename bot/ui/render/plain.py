"""The output of a run without any decoration: what is shown when rendering the card raises. Pure.

Uses as little of the other rendering code as possible, so that it works when that does not.
"""

from collections.abc import Iterator

from bot.limits import ATTACHMENTS_PER_MESSAGE
from bot.outputs.items import FileItem, LinkItem, TextItem
from bot.runs.snapshot import RunSnapshot
from bot.ui.components import Action, run_button_row
from bot.ui.render import payloads
from bot.ui.render.output import upload_name
from bot.ui.render.run_card import RenderedMessage, RenderOptions

# Characters of one message; half of what Discord accepts, because some count twice there.
_CHARS = 1900

# Further messages; a longer text is cut.
_MAX_MESSAGES = 20

_HEADING = "Something went wrong while I was building this message, so here is the plain result."


def render_plain(snapshot: RunSnapshot, options: RenderOptions) -> tuple[RenderedMessage, ...]:
    """Return the files, links and texts of a snapshot as messages; the last line of a further one is its number."""
    files = [
        item
        for item in snapshot.items
        if isinstance(item, FileItem) and item.name not in options.pending and item.name not in options.withheld
    ]
    texts = list(_texts(snapshot, options))
    count = max(1, len(texts), -(-len(files) // ATTACHMENTS_PER_MESSAGE))
    messages = []
    for number in range(min(count, _MAX_MESSAGES)):
        own = tuple(files[number * ATTACHMENTS_PER_MESSAGE : (number + 1) * ATTACHMENTS_PER_MESSAGE])
        components = [payloads.text(texts[number])] if number < len(texts) else []
        components += [payloads.file(f"attachment://{upload_name(file.name)}") for file in own]
        if number > 0:
            components.append(payloads.text(f"-# {number + 1}/{count}"))
        elif options.show_refresh:
            components.append(run_button_row(snapshot.run.id, Action.REFRESH))
        messages.append(RenderedMessage(components, own))
    return tuple(messages)


def _texts(snapshot: RunSnapshot, options: RenderOptions) -> Iterator[str]:
    """Yield the texts of the messages: a heading, links and the output, cut to length."""
    lines = [_HEADING, *options.remarks, *options.withheld.values()]
    for item in snapshot.items:
        match item:
            case LinkItem() if item.url:
                lines.append(f"{item.label}: <{item.url}>")
            case LinkItem():
                lines.append(f"{item.label}: {item.reason}")
            case TextItem() if not options.omitted_text:
                lines.append(item.text)
            case _:
                pass
    text = "\n".join(lines)
    for start in range(0, len(text), _CHARS):
        if chunk := text[start : start + _CHARS].strip():
            yield chunk
