"""What a person is told who asked for a run to stop."""

from bot.runs.engine import CancelResult

CANCEL_ANSWERS = {
    CancelResult.REQUESTED: "Stopping. What was made already stays.",
    CancelResult.ALREADY: "It is being stopped already.",
    CancelResult.OVER: "This run is over already.",
    CancelResult.UNKNOWN: "This run is no longer remembered, so there is nothing to stop.",
}
