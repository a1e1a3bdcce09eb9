"""What can be pressed under a run: its buttons, and below a result what to do with it next. Pure."""

from dataclasses import replace
from typing import Final

from bot.catalog.next_actions import NextOffers
from bot.outputs.items import FileItem, TextItem
from bot.runs.outcome import FailureCode
from bot.runs.snapshot import Phase, RunSnapshot
from bot.ui.components import Action, run_button_row
from bot.ui.render.chains import goes_on
from bot.ui.render.payloads import Component
from bot.ui.render.rendered_message import RenderOptions

# Where the input has to change, Edit comes before Again.
_CURED_BY_EDIT: Final = frozenset(
    code.value
    for code in (
        FailureCode.INVALID_INPUT,
        FailureCode.TOO_LARGE,
        FailureCode.MODERATION,
        FailureCode.OUT_OF_MEMORY,
        FailureCode.DOWNLOAD,
        FailureCode.DEADLINE,
        FailureCode.TIMEOUT,
        FailureCode.MODEL,
        FailureCode.OUTPUT_TOO_LARGE,
    )
)


def run_buttons(snapshot: RunSnapshot, options: RenderOptions) -> Component:
    """Return the row of buttons. Under a press of Cancel that comes too late is Edit, which starts nothing."""
    run, phase = snapshot.run, snapshot.progress.phase
    offered = (Action.MOVE_TO_DM,) if options.offer_dm and not snapshot.final else ()
    if options.show_refresh:
        return run_button_row(run.id, Action.CANCEL, Action.REFRESH, *offered, Action.DETAILS)
    if snapshot.final and (run.cause in _CURED_BY_EDIT or not goes_on(snapshot)):
        try_on = (Action.TRY_ON,) if options.offers_try_on and phase is Phase.SUCCEEDED else ()
        primary = Action.EDIT if run.cause in _CURED_BY_EDIT else Action.AGAIN
        order = (Action.EDIT, Action.DETAILS, *try_on, Action.AGAIN, Action.MORE)
        return run_button_row(run.id, *order, primary=primary)
    is_last = run.chain is None or run.chain.is_last  # else there is a next step that need not begin
    cancelable = phase is not Phase.CANCELING and not (is_last and (phase is Phase.DELIVERING or run.state.terminal))
    disabled = frozenset() if cancelable else frozenset({Action.CANCEL})
    return run_button_row(run.id, Action.CANCEL, Action.DETAILS, *offered, disabled=disabled)


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
