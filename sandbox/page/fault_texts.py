"""What the page says about each fault of the stand-in Replicate: a label, and a sentence for people."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

REPLICATE_TEXTS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        # Requests.
        "delay": ("Answer late", "The next answer takes five seconds."),
        "reset-before": ("Drop a request", "The connection breaks before the request is carried out."),
        "reset-after": ("Lose an answer", "The request is carried out, but the connection breaks before the answer."),
        "silence": ("Carry out and say nothing", "The request is carried out, and nobody ever answers."),
        "stuck": ("Hang", "Nothing is carried out, and nobody ever answers."),
        "half-answer": ("Answer halfway", "The request is carried out; the answer breaks off in the middle."),
        "garbled": ("Answer nonsense", "The request is carried out; the answer cannot be read."),
        "error-500": ("Break (500)", "The next request gets an error page."),
        "error-502": ("Bad gateway (502)", "The next request gets a proxy's error page."),
        "error-503": ("Overloaded (503)", "The next request gets an error page."),
        "unauthenticated": ("Reject the token (401)", "The next request is refused as if the token were wrong."),
        "no-credit": ("Out of credit (402)", "The next run is refused because the account cannot pay."),
        "forbidden": ("Forbid (403)", "The next request is refused for lack of permission."),
        "not-found": ("Find nothing (404)", "The next request is answered as if its target did not exist."),
        "throttled": ("Too many requests (429)", "The next request has to wait three seconds."),
        "upload-fails": ("Fail an upload", "The next picture that the bot uploads is refused."),
        "cancel-fails": ("Fail to cancel", "The next ❌ or Cancel gets an error; the bot has to try again."),
        # Predictions.
        "fails": ("Fail the model", "The model fails after its first result."),
        "image-withheld": ("Withhold an image", "The model's safety filter keeps one image back."),
        "aborted": ("Abort before the start", "The run is taken off the queue and never starts."),
        "never-starts": ("Never start", "The model stays in “starting” until the deadline."),
        "never-ends": ("Never finish", "The model makes a result and then works on forever."),
        "slow-start": ("Start slowly", "The model has to be loaded first."),
        "data-removed": ("Forget the result", "Replicate deletes the result as soon as the run ends."),
        "no-stream-url": ("Offer no stream", "The bot has to ask for the progress itself."),
        "no-web-url": ("Offer no web page", "There is nothing behind “View on Replicate”."),
        "cancel-lags": ("Cancel slowly", "The model goes on for a while after it was canceled."),
        "inline-outputs": ("Put files into the answer", "Results arrive inside the answer instead of as links."),
        "other-output": ("Return something else", "The model returns nothing that its description promises."),
        "other-logs": ("Write strange logs", "The model writes other logs than usual."),
        # Streams.
        "stream-down": ("Break the stream at once", "The connection breaks before the first byte."),
        "stream-gone": ("Lose the stream (404)", "There is no stream; the bot has to ask for the progress itself."),
        "stream-408": ("Time out the stream (408)", "The stream ends with a timeout before it begins."),
        "stream-json": ("Answer without a stream", "The answer is one document instead of a stream."),
        "stream-close": ("Close the stream", "It ends halfway. The bot connects again for the rest."),
        "stream-cut": ("Cut the stream", "The connection breaks in the middle of a word."),
        "stream-stall": ("Stall the stream", "It stays open and falls silent. The bot notices."),
        "stream-duplicate": ("Say everything twice", "Every event arrives two times."),
        "stream-unknown": ("Say unknown things", "Events of a new kind stand between the others."),
        "stream-corrupt": ("Send noise", "Meaningless lines and broken characters stand before each event."),
        "stream-no-ids": ("Leave out the numbers", "Events have no number by which to continue."),
        "stream-shuffled": ("Count backwards", "Each event is numbered lower than the one before."),
        "no-done": ("End without a word", "The stream closes after the last result and never says “done”."),
        "early-done": ("Say “done” too early", "The stream ends at once, while the model still works."),
        "no-outputs": ("Leave out the results", "The stream says “done” but never showed a result."),
        "no-events": ("Send nothing", "The stream stays empty from beginning to end."),
        # Output files.
        "file-missing": ("Lose a file", "The next result cannot be found any more."),
        "file-slow": ("Send a file slowly", "The next result arrives drop by drop."),
        "file-redirect": ("Move a file", "The next result has to be fetched from another address."),
        "file-huge": ("Send a huge file", "The next result is far too large for Discord."),
        "file-cut": ("Cut a file", "The connection breaks in the middle of the next result."),
        "file-bomb": ("Send a packed file", "The next result is small, and huge once it is unpacked."),
        "file-replaced": ("Swap a file", "The next result is a different file than it says."),
        "file-mistyped": ("Mislabel a file", "The next result claims to be a web page."),
        # Webhooks.
        "webhook-dropped": ("Forget a webhook", "The next notification is never sent."),
        "webhook-duplicated": ("Repeat a webhook", "The next notification is sent twice."),
        "webhook-reordered": ("Delay a webhook", "The next notification arrives after the one that follows it."),
        "webhook-forged": ("Forge a webhook", "The next notification is signed by somebody else."),
        "webhook-stale": ("Send an old webhook", "The next notification is an hour old."),
    }
)
