"""What cards say about the service that runs a model: Replicate, or a server of one's own.

The words follow from the target alone, because rows outlive the configuration: the card of a run can still be drawn
when nothing serves its target any more. Of a server of one's own nobody is billed, and nothing has a page to link to.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from bot.language import _
from bot.runs import is_served
from bot.runs.outcome import FailureCode
from bot.runs.snapshot import Phase, WarningCode
from bot.store.models import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceWords:
    """The wordings of the engine's codes, in English; ``retranslate`` says them in the language of their reader.

    In those with a message ``{message}`` stands for it, in those with a deadline ``{time}``.

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
    WarningCode.THROTTLED: _("Replicate is busy; retrying in a few seconds."),
    WarningCode.UNREACHABLE: _("Replicate can't be reached right now; retrying."),
    WarningCode.UNREADABLE: _("Replicate's answer can't be read right now; retrying."),
    WarningCode.CANCEL_NOT_ACCEPTED: _("Replicate hasn't accepted the cancel request yet; retrying."),
    WarningCode.MODEL_LOADING: _("The model is still being loaded; waiting for it."),
    WarningCode.END_PENDING: _("The model has finished; waiting for the result."),
    WarningCode.NOT_SAVED: _("I can't save this run right now. It goes on, and I keep trying."),
}

_FAILURES: Final[Mapping[FailureCode, str]] = {
    FailureCode.INTERNAL: _("Something went wrong on my side. Try again."),
    FailureCode.EXPIRED: _("I was offline too long to start this run. Nothing was billed. Try again."),
    FailureCode.NOT_SAVED: _(
        "I couldn't save this run for too long, so I didn't start it. Nothing was billed. Try again later."
    ),
    FailureCode.UNREACHABLE: _("Replicate couldn't be reached. Nothing was billed. Try again in a few minutes."),
    FailureCode.THROTTLED: _(
        "Replicate is too busy to take new runs from this bot. Nothing was billed. Try again in a few minutes."
    ),
    FailureCode.UPLOAD: _("The file couldn't be uploaded to Replicate. Nothing was billed. Try again."),
    FailureCode.TOKEN: _("Replicate doesn't accept this bot's token. Ask the bot's owner to set a new one."),
    FailureCode.CREDIT: _("This bot's Replicate account has no credit left. Ask the bot's owner to top it up."),
    FailureCode.FORBIDDEN: _("This bot's Replicate account isn't allowed to run this model. Ask the bot's owner why."),
    FailureCode.MODEL_NOT_FOUND: _("Replicate can't find this model. Ask the bot's owner to fix this command."),
    FailureCode.VERSION_NOT_FOUND: _(
        "Replicate can't find this version of the model, or this bot isn't allowed to use it. Ask the "
        "bot's owner to fix this command."
    ),
    FailureCode.TOO_LARGE: _("A file is too large for Replicate. Use a smaller one."),
    FailureCode.INVALID_INPUT: _("The model doesn't accept this input. Change it and try again."),
    FailureCode.REFUSED: _("Replicate rejected the run."),
    FailureCode.LOST: _(
        "No answer from Replicate, and the run wasn't found there. It may have started (and been billed), "
        "so I didn't resend it. Try again if you still want it."
    ),
    FailureCode.RETIRED: _("What ran this model is no longer part of the bot. Use another command."),
    FailureCode.SETUP_FAILED: _("The model couldn't be loaded. Nothing was billed. Ask the bot's owner to check it."),
    FailureCode.SETUP_TOO_LONG: _(
        "The model has been loading for too long. Nothing was billed. Ask the bot's owner to check it."
    ),
    FailureCode.BROKEN: _(
        "What runs this model needs to be restarted. Nothing was billed. Ask the bot's owner to do that."
    ),
    FailureCode.SERVICE_RESTARTED: _("What runs this model was restarted before the run finished. Try again."),
    FailureCode.FORGOTTEN: _("Replicate no longer knows this run; it may have been deleted there. Try again."),
    FailureCode.REMOVED: _("The run finished, but Replicate had already deleted the output, as it does after an hour."),
    FailureCode.CANCELED_ELSEWHERE: _("Someone canceled the run on Replicate."),
    FailureCode.FILTERED: _("The model's safety filter held back part of the result. Try a different prompt or image."),
    FailureCode.MODERATION: _("The model's safety filter blocked this. Try a different prompt or image."),
    FailureCode.OUT_OF_MEMORY: _("The model ran out of memory. Try a smaller image or fewer outputs."),
    FailureCode.INTERRUPTED: _("Replicate interrupted the run; your input is fine. Try again."),
    FailureCode.NOT_STARTED: _("The model didn't start. Try again in a few minutes."),
    FailureCode.BUSY: _("The model is too busy right now. Try again in a few minutes."),
    FailureCode.PROVIDER: _(
        "The model's provider rejected the request. Changing the input won't help; try another model."
    ),
    FailureCode.OUTPUT_UPLOAD: _("Replicate couldn't save the output. Try again."),
    FailureCode.PLATFORM: _("Something broke at Replicate. Try again."),
    FailureCode.DOWNLOAD: _(
        "The model couldn't download a file it needs. If you gave a link, check that it opens for anyone, "
        "or attach the file itself. Then try again."
    ),
    FailureCode.TIMEOUT: _("The model took too long. Try again or ask for less."),
    FailureCode.MODEL: _("The model failed. Change the input and try again."),
    FailureCode.NO_REASON: _("The model failed without giving a reason. Try again or change the input."),
    FailureCode.DEADLINE: _("The run took too long. Try asking for less."),
    FailureCode.ABORTED: _("Replicate stopped the run before the model started. Nothing was billed. Try again."),
    FailureCode.OUTPUT_TOO_LARGE: _("The output is too large for this bot. Press **Details** to open it on Replicate."),
    FailureCode.OVERDUE: _("Replicate didn't finish the run in time. Try again later."),
}
_FAILURES_WITH_MESSAGE: Final[Mapping[FailureCode, str]] = {
    FailureCode.INVALID_INPUT: _("The model doesn't accept this input: “{message}”. Change it and try again."),
    FailureCode.REFUSED: _("Replicate rejected the run: “{message}”."),
    FailureCode.MODEL: _("“{message}”. Change the input and try again."),
}

_FAILURES_WITH_DEADLINE: Final[Mapping[FailureCode, str]] = {
    FailureCode.DEADLINE: _("The run took longer than {time}. Try asking for less."),
    FailureCode.ABORTED: _("The model didn't start within {time}. Nothing was billed. Try again later."),
    FailureCode.OVERDUE: _("Replicate didn't finish the run within {time}. Try again later."),
    FailureCode.LOST: _(
        "No answer from Replicate, and the run wasn't found there within {time}. It may have started (and "
        "been billed), so I didn't resend it. Try again if you still want it."
    ),
}

_ACTIVE_STATUSES: Final[Mapping[Phase, str]] = {
    Phase.SENDING: _("**Sending to Replicate**"),
    Phase.RECONCILING: _("**No answer from Replicate** · checking whether the run started"),
    Phase.STARTING: _("**Starting the model**"),
    Phase.DELIVERING: _("**Finishing**"),
}

_REPLICATE: Final = ServiceWords(
    warnings=_WARNINGS,
    failures=_FAILURES,
    failures_with_message=_FAILURES_WITH_MESSAGE,
    failures_with_deadline=_FAILURES_WITH_DEADLINE,
    statuses=_ACTIVE_STATUSES,
    looked_for=_("**No answer from Replicate** · checking whether the run started, until {time} at most"),
    never_sent=_("nothing was billed"),
    aborted=_("Replicate stopped the run before it finished. Try again."),
)

_SERVED: Final = ServiceWords(
    warnings={
        **_WARNINGS,
        WarningCode.THROTTLED: _("The model's server is busy; retrying in a few seconds."),
        WarningCode.UNREACHABLE: _("The model's server can't be reached right now; retrying."),
        WarningCode.UNREADABLE: _("The model's server sent an answer that can't be read; retrying."),
        WarningCode.CANCEL_NOT_ACCEPTED: _("The model's server hasn't accepted the cancel request yet; retrying."),
        WarningCode.MODEL_LOADING: _("The model's server is still loading the model; waiting for it."),
        WarningCode.END_PENDING: _("The model has finished; waiting for its server to send the result."),
    },
    failures={
        **_FAILURES,
        FailureCode.EXPIRED: _("I was offline too long to start this run. Try again."),
        FailureCode.NOT_SAVED: _("I couldn't save this run for too long, so I didn't start it. Try again later."),
        FailureCode.UNREACHABLE: _(
            "The model's server couldn't be reached. Try again in a few minutes, or ask the bot's owner to check it."
        ),
        FailureCode.THROTTLED: _("The model's server had no place for this run for too long. Try again later."),
        FailureCode.UPLOAD: _("The file couldn't be sent to the model's server. Try again."),
        FailureCode.TOKEN: _("The model's server doesn't let this bot in. Ask the bot's owner to fix this command."),
        FailureCode.CREDIT: _("The model's server rejected the run. Ask the bot's owner why."),
        FailureCode.FORBIDDEN: _(
            "The model's server doesn't let this bot in. Ask the bot's owner to fix this command."
        ),
        FailureCode.MODEL_NOT_FOUND: _(
            "There is no model at this command's server. Ask the bot's owner to fix this command."
        ),
        FailureCode.VERSION_NOT_FOUND: _(
            "The model's server rejected the run. Ask the bot's owner to fix this command."
        ),
        FailureCode.TOO_LARGE: _("A file is too large for the model's server. Use a smaller one."),
        FailureCode.REFUSED: _("The model's server rejected the run."),
        FailureCode.LOST: _("No answer from the model's server, and the run wasn't found there. Try again."),
        FailureCode.RETIRED: _("This model's server is no longer part of the bot. Use another command."),
        FailureCode.SETUP_FAILED: _("The model's server couldn't load the model. Ask the bot's owner to check it."),
        FailureCode.SETUP_TOO_LONG: _(
            "The model's server has been loading the model for too long. Ask the bot's owner to check it."
        ),
        FailureCode.BROKEN: _("The model's server needs to be restarted. Ask the bot's owner to do that."),
        FailureCode.SERVICE_RESTARTED: _("The model's server was restarted before this run finished. Try again."),
        FailureCode.FORGOTTEN: _("The model's server no longer knows this run. Try again."),
        FailureCode.REMOVED: _("The run finished, but its output was already deleted. Try again."),
        FailureCode.CANCELED_ELSEWHERE: _("Someone canceled the run on the model's server."),
        FailureCode.INTERRUPTED: _("The model's server interrupted the run; your input is fine. Try again."),
        FailureCode.OUTPUT_UPLOAD: _("The model's server couldn't send the output. Try again."),
        FailureCode.PLATFORM: _("Something broke on the model's server. Try again."),
        FailureCode.ABORTED: _("The model's server stopped the run before the model started. Try again."),
        FailureCode.OUTPUT_TOO_LARGE: _("The output is too large for this bot. Try asking for less."),
        FailureCode.OVERDUE: _("The model's server didn't finish the run in time. Try again later."),
    },
    failures_with_message={
        **_FAILURES_WITH_MESSAGE,
        FailureCode.REFUSED: _("The model's server rejected the run: “{message}”."),
    },
    failures_with_deadline={
        **_FAILURES_WITH_DEADLINE,
        FailureCode.ABORTED: _("The model didn't start within {time}. Try again later."),
        FailureCode.OVERDUE: _("The model's server didn't finish the run within {time}. Try again later."),
        FailureCode.LOST: _(
            "No answer from the model's server, and the run wasn't found there within {time}. Try again."
        ),
    },
    statuses={
        **_ACTIVE_STATUSES,
        Phase.SENDING: _("**Sending to the model's server**"),
        Phase.RECONCILING: _("**No answer from the model's server** · checking whether the run started"),
    },
    looked_for=_("**No answer from the model's server** · checking whether the run started, until {time} at most"),
    never_sent="",
    aborted=_("The model's server stopped the run before it finished. Try again."),
)
