"""What a person is told who asked for a run to stop."""

from bot.runs.engine import CancelAnswer

STOPPED = {
    CancelAnswer.REQUESTED: "Stopping. What was made already stays.",
    CancelAnswer.ALREADY: "It is being stopped already.",
    CancelAnswer.OVER: "This run is over already.",
    CancelAnswer.UNKNOWN: "This run is no longer remembered, so there is nothing to stop.",
}
