"""A prediction as a Cog server tells it: without a model, times or an address, which the bot knows itself."""

from dataclasses import replace
from datetime import datetime
from typing import Final

from bot.backends.errors import InvalidResponse
from bot.backends.prediction import Prediction
from bot.backends.replicate.predictions import parse_prediction
from bot.large_json import InvalidJson, read_object

_LARGE: Final = ("output", "metrics")


def read_prediction(
    body: bytes, *, created_at: datetime, completed_at: datetime | None = None, stream_url: str | None = None
) -> Prediction:
    """Return the prediction in a JSON object, whose files were taken out of it; raise InvalidResponse if it is none."""
    try:
        members = read_object(body, _LARGE)
    except InvalidJson as error:
        raise InvalidResponse("The model's server sent a prediction that cannot be read.") from error
    prediction = parse_prediction({**members, "created_at": created_at.isoformat()})
    return replace(prediction, completed_at=prediction.completed_at or completed_at, stream_url=stream_url)
