"""What can be done next with what a reply shows."""

from dataclasses import replace

from bot.catalog.next_actions import NextOffers
from bot.outputs.items import FileItem, TextItem
from bot.runs.snapshot import RunSnapshot
from bot.ui.render.run_card import RenderOptions


def add_offers(snapshot: RunSnapshot, shown: RenderOptions, offers: NextOffers) -> RenderOptions:
    """Return the options with what can be done with the images that the messages show, or with a text about one."""
    mimes = {
        item.type.mime
        for item in snapshot.items
        if isinstance(item, FileItem) and item.is_shown_image and not shown.hides_file(item.name)
    }
    if mimes:
        offered = offers.of_images(snapshot.run, mimes)
        return replace(shown, offers=offered, offers_try_on=offers.find_try_on(snapshot.run) is not None)
    is_text = any(isinstance(item, TextItem) for item in snapshot.items)
    return replace(shown, offers=offers.of_text(snapshot.run)) if is_text else shown
