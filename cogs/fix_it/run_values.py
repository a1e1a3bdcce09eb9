"""The inputs of a run, as values for a form."""

from collections.abc import Sequence

from bot.characters.placement import restore_written
from bot.language import _
from bot.media.types import StoredFile, find_references
from bot.options.form import restore_values
from bot.options.layout import OptionLayout
from bot.runs import Run
from cogs.fix_it.refused_runs import RestoredValues


def restore_run(layout: OptionLayout, run: Run, files: Sequence[StoredFile], *, is_author: bool) -> RestoredValues:
    """Return what a run was given, for its author as they wrote it, and remarks about files that are no longer stored.

    The names in what was written are of its author's characters.
    """
    written = run.written if is_author else {}
    values = restore_written(restore_values(layout, run.input, files), written, files)
    lost = {
        key: _("This run's file is no longer stored. Attach it again.")
        for key, value in run.input.items()
        if layout.field(key) is not None
        and any(number >= len(files) for number in find_references(written.get(key, value)))
    }
    return RestoredValues(values, lost, lost)
