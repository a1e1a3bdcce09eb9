"""What cards say about the service that runs a model: Replicate, or a server of one's own.

The words follow from the target alone, because rows outlive the configuration: the card of a run can still be drawn
when nothing serves its target any more. Of a server of one's own nobody is billed, and nothing has a page to link to.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from bot.formatting import SEPARATOR
from bot.runs import is_served
from bot.runs.outcome import FailureCode
from bot.runs.snapshot import Phase, WarningCode
from bot.store.models import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceWords:
    """The wordings of the engine's codes. ``{}`` in those with a message or a deadline stands for it.

    ``looked_for`` is the status of a run whose create got no answer; ``{time}`` is how long it is looked for.
    """

    warnings: Mapping[WarningCode, str]
    failures: Mapping[FailureCode, str]
    failures_with_message: Mapping[FailureCode, str]
    failures_with_deadline: Mapping[FailureCode, str]
    statuses: Mapping[Phase, str]
    looked_for: str
    never_sent: str
    aborted: str


def service_words(run: Run) -> ServiceWords:
    """Return the words about what runs the model of a run."""
    return _SERVED if is_served(run.target) else _REPLICATE


_WARNINGS: Final[Mapping[WarningCode, str]] = {
    WarningCode.THROTTLED: "Replicate is busy; retrying in a few seconds.",
    WarningCode.UNREACHABLE: "Replicate can't be reached right now; retrying.",
    WarningCode.UNREADABLE: "Replicate's answer can't be read right now; retrying.",
    WarningCode.CANCEL_NOT_ACCEPTED: "Replicate hasn't accepted the cancel request yet; retrying.",
    WarningCode.MODEL_LOADING: "The model is still being loaded; waiting for it.",
    WarningCode.END_PENDING: "The model has finished; waiting for the result.",
    WarningCode.NOT_SAVED: "I can't save this run right now. It goes on, and I keep trying.",
}

_FAILURES: Final[Mapping[FailureCode, str]] = {
    FailureCode.INTERNAL: "Something went wrong on my side. Try again.",
    FailureCode.EXPIRED: "I was offline too long to start this run. Nothing was billed. Try again.",
    FailureCode.NOT_SAVED: "I couldn't save this run for too long, so I didn't start it. Nothing was billed. "
    "Try again later.",
    FailureCode.UNREACHABLE: "Replicate couldn't be reached. Nothing was billed. Try again in a few minutes.",
    FailureCode.THROTTLED: "Replicate is too busy to take new runs from this bot. Nothing was billed. "
    "Try again in a few minutes.",
    FailureCode.UPLOAD: "The file couldn't be uploaded to Replicate. Nothing was billed. Try again.",
    FailureCode.TOKEN: "Replicate doesn't accept this bot's token. Ask the bot's owner to set a new one.",
    FailureCode.CREDIT: "This bot's Replicate account has no credit left. Ask the bot's owner to top it up.",
    FailureCode.FORBIDDEN: "This bot's Replicate account isn't allowed to run this model. Ask the bot's owner why.",
    FailureCode.MODEL_NOT_FOUND: "Replicate can't find this model. Ask the bot's owner to fix this command.",
    FailureCode.VERSION_NOT_FOUND: "Replicate can't find this version of the model, or this bot isn't allowed to use "
    "it. Ask the bot's owner to fix this command.",
    FailureCode.TOO_LARGE: "A file is too large for Replicate. Use a smaller one.",
    FailureCode.INVALID_INPUT: "The model doesn't accept this input. Change it and try again.",
    FailureCode.REFUSED: "Replicate rejected the run.",
    FailureCode.LOST: "No answer from Replicate, and the run wasn't found there. It may have started (and been "
    "billed), so I didn't resend it. Try again if you still want it.",
    FailureCode.RETIRED: "What ran this model is no longer part of the bot. Use another command.",
    FailureCode.SETUP_FAILED: "The model couldn't be loaded. Nothing was billed. Ask the bot's owner to check it.",
    FailureCode.SETUP_TOO_LONG: "The model has been loading for too long. Nothing was billed. "
    "Ask the bot's owner to check it.",
    FailureCode.BROKEN: "What runs this model needs to be restarted. Nothing was billed. "
    "Ask the bot's owner to do that.",
    FailureCode.SERVICE_RESTARTED: "What runs this model was restarted before the run finished. Try again.",
    FailureCode.FORGOTTEN: "Replicate no longer knows this run; it may have been deleted there. Try again.",
    FailureCode.REMOVED: "The run finished, but Replicate had already deleted the output, as it does after an hour.",
    FailureCode.CANCELED_ELSEWHERE: "Someone canceled the run on Replicate.",
    FailureCode.FILTERED: "The model's safety filter held back part of the result. Try a different prompt or image.",
    FailureCode.MODERATION: "The model's safety filter blocked this. Try a different prompt or image.",
    FailureCode.OUT_OF_MEMORY: "The model ran out of memory. Try a smaller image or fewer outputs.",
    FailureCode.INTERRUPTED: "Replicate interrupted the run; your input is fine. Try again.",
    FailureCode.NOT_STARTED: "The model didn't start. Try again in a few minutes.",
    FailureCode.BUSY: "The model is too busy right now. Try again in a few minutes.",
    FailureCode.PROVIDER: "The model's provider rejected the request. Changing the input won't help; "
    "try another model.",
    FailureCode.OUTPUT_UPLOAD: "Replicate couldn't save the output. Try again.",
    FailureCode.PLATFORM: "Something broke at Replicate. Try again.",
    FailureCode.DOWNLOAD: "The model couldn't download a file it needs. If you gave a link, check that it opens for "
    "anyone, or attach the file itself. Then try again.",
    FailureCode.TIMEOUT: "The model took too long. Try again or ask for less.",
    FailureCode.MODEL: "The model failed. Change the input and try again.",
    FailureCode.NO_REASON: "The model failed without giving a reason. Try again or change the input.",
    FailureCode.DEADLINE: "The run took too long. Try asking for less.",
    FailureCode.ABORTED: "Replicate stopped the run before the model started. Nothing was billed. Try again.",
    FailureCode.OUTPUT_TOO_LARGE: "The output is too large for this bot. Press **Details** to open it on Replicate.",
    FailureCode.OVERDUE: "Replicate didn't finish the run in time. Try again later.",
}
_FAILURES_WITH_MESSAGE: Final[Mapping[FailureCode, str]] = {
    FailureCode.INVALID_INPUT: "The model doesn't accept this input: “{}”. Change it and try again.",
    FailureCode.REFUSED: "Replicate rejected the run: “{}”.",
    FailureCode.MODEL: "“{}”. Change the input and try again.",
}

_FAILURES_WITH_DEADLINE: Final[Mapping[FailureCode, str]] = {
    FailureCode.DEADLINE: "The run took longer than {}. Try asking for less.",
    FailureCode.ABORTED: "The model didn't start within {}. Nothing was billed. Try again later.",
    FailureCode.OVERDUE: "Replicate didn't finish the run within {}. Try again later.",
    FailureCode.LOST: "No answer from Replicate, and the run wasn't found there within {}. It may have started (and "
    "been billed), so I didn't resend it. Try again if you still want it.",
}

_ACTIVE_STATUSES: Final[Mapping[Phase, str]] = {
    Phase.SENDING: "**Sending to Replicate**",
    Phase.RECONCILING: f"**No answer from Replicate**{SEPARATOR}checking whether the run started",
    Phase.STARTING: "**Starting the model**",
    Phase.DELIVERING: "**Finishing**",
}

_REPLICATE: Final = ServiceWords(
    warnings=_WARNINGS,
    failures=_FAILURES,
    failures_with_message=_FAILURES_WITH_MESSAGE,
    failures_with_deadline=_FAILURES_WITH_DEADLINE,
    statuses=_ACTIVE_STATUSES,
    looked_for=f"**No answer from Replicate**{SEPARATOR}checking whether the run started, until {{time}} at most",
    never_sent="nothing was billed",
    aborted="Replicate stopped the run before it finished. Try again.",
)

_SERVED: Final = ServiceWords(
    warnings={
        **_WARNINGS,
        WarningCode.THROTTLED: "The model's server is busy; retrying in a few seconds.",
        WarningCode.UNREACHABLE: "The model's server can't be reached right now; retrying.",
        WarningCode.UNREADABLE: "The model's server sent an answer that can't be read; retrying.",
        WarningCode.CANCEL_NOT_ACCEPTED: "The model's server hasn't accepted the cancel request yet; retrying.",
        WarningCode.MODEL_LOADING: "The model's server is still loading the model; waiting for it.",
        WarningCode.END_PENDING: "The model has finished; waiting for its server to send the result.",
    },
    failures={
        **_FAILURES,
        FailureCode.EXPIRED: "I was offline too long to start this run. Try again.",
        FailureCode.NOT_SAVED: "I couldn't save this run for too long, so I didn't start it. Try again later.",
        FailureCode.UNREACHABLE: "The model's server couldn't be reached. Try again in a few minutes, or ask the bot's "
        "owner to check it.",
        FailureCode.THROTTLED: "The model's server had no place for this run for too long. Try again later.",
        FailureCode.UPLOAD: "The file couldn't be sent to the model's server. Try again.",
        FailureCode.TOKEN: "The model's server doesn't let this bot in. Ask the bot's owner to fix this command.",
        FailureCode.CREDIT: "The model's server rejected the run. Ask the bot's owner why.",
        FailureCode.FORBIDDEN: "The model's server doesn't let this bot in. Ask the bot's owner to fix this command.",
        FailureCode.MODEL_NOT_FOUND: "There is no model at this command's server. Ask the bot's owner to fix this "
        "command.",
        FailureCode.VERSION_NOT_FOUND: "The model's server rejected the run. Ask the bot's owner to fix this command.",
        FailureCode.TOO_LARGE: "A file is too large for the model's server. Use a smaller one.",
        FailureCode.REFUSED: "The model's server rejected the run.",
        FailureCode.LOST: "No answer from the model's server, and the run wasn't found there. Try again.",
        FailureCode.RETIRED: "This model's server is no longer part of the bot. Use another command.",
        FailureCode.SETUP_FAILED: "The model's server couldn't load the model. Ask the bot's owner to check it.",
        FailureCode.SETUP_TOO_LONG: "The model's server has been loading the model for too long. "
        "Ask the bot's owner to check it.",
        FailureCode.BROKEN: "The model's server needs to be restarted. Ask the bot's owner to do that.",
        FailureCode.SERVICE_RESTARTED: "The model's server was restarted before this run finished. Try again.",
        FailureCode.FORGOTTEN: "The model's server no longer knows this run. Try again.",
        FailureCode.REMOVED: "The run finished, but its output was already deleted. Try again.",
        FailureCode.CANCELED_ELSEWHERE: "Someone canceled the run on the model's server.",
        FailureCode.INTERRUPTED: "The model's server interrupted the run; your input is fine. Try again.",
        FailureCode.OUTPUT_UPLOAD: "The model's server couldn't send the output. Try again.",
        FailureCode.PLATFORM: "Something broke on the model's server. Try again.",
        FailureCode.ABORTED: "The model's server stopped the run before the model started. Try again.",
        FailureCode.OUTPUT_TOO_LARGE: "The output is too large for this bot. Try asking for less.",
        FailureCode.OVERDUE: "The model's server didn't finish the run in time. Try again later.",
    },
    failures_with_message={
        **_FAILURES_WITH_MESSAGE,
        FailureCode.REFUSED: "The model's server rejected the run: “{}”.",
    },
    failures_with_deadline={
        **_FAILURES_WITH_DEADLINE,
        FailureCode.ABORTED: "The model didn't start within {}. Try again later.",
        FailureCode.OVERDUE: "The model's server didn't finish the run within {}. Try again later.",
        FailureCode.LOST: "No answer from the model's server, and the run wasn't found there within {}. Try again.",
    },
    statuses={
        **_ACTIVE_STATUSES,
        Phase.SENDING: "**Sending to the model's server**",
        Phase.RECONCILING: f"**No answer from the model's server**{SEPARATOR}checking whether the run started",
    },
    looked_for=f"**No answer from the model's server**{SEPARATOR}checking whether the run started, until {{time}} "
    "at most",
    never_sent="",
    aborted="The model's server stopped the run before it finished. Try again.",
)
