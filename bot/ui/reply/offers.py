"""What can be done next with what a reply shows."""

from bot.catalog.next_actions import NextOffer, NextOffers
from bot.outputs.items import FileItem, TextItem
from bot.runs.snapshot import RunSnapshot
from bot.ui.render.run_card import RenderOptions


def list_shown_offers(snapshot: RunSnapshot, shown: RenderOptions, offers: NextOffers) -> tuple[NextOffer, ...]:
    """Return what can be done with the images that the messages show, or with the text that describes one."""
    mimes = {
        item.type.mime
        for item in snapshot.items
        if isinstance(item, FileItem) and item.is_shown_image and not shown.hides_file(item.name)
    }
    if mimes:
        return offers.of_images(snapshot.run, mimes)
    is_text = any(isinstance(item, TextItem) for item in snapshot.items)
    return offers.of_text(snapshot.run) if is_text else ()
