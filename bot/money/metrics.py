"""The quantities that Replicate bills by, as predictions report them in ``metrics``.

Source: the names of ``BillingMetric`` and of its criteria on replicate.com's pages of models; the OpenAPI document of
the HTTP API has none of them. Older models report the names of ``_ALIASES`` (replicate-python's recorded answers).
"""

import math
from collections.abc import Mapping
from typing import Any, Final

from bot.money.amounts import MICROS

RUN: Final = "run"  # one a run, whatever it makes
PREDICT_TIME: Final = "predict_time"  # seconds on the hardware

BILLING_METRICS: Final = frozenset(
    {
        "audio_output_count",
        "audio_output_duration_seconds",
        "character_input_count",
        "character_output_count",
        "generic_output_count",
        "image_output_count",
        "token_input_count",
        "token_output_count",
        "training_step_count",
        "unspecified_billing_metric",
        "video_output_count",
        "video_output_duration_seconds",
        "video_output_total_pixel_count",
    }
)
# What a price may be chosen by, beside the model's own inputs.
SELECTORS: Final = frozenset(
    {"model_variant", "motion_mode", "resolution_target", "resolution_upscale_target", "with_audio"}
)
KNOWN_METRICS: Final = BILLING_METRICS | {RUN, PREDICT_TIME}

_ALIASES: Final[Mapping[str, str]] = {
    "image_output_count": "image_count",
    "token_input_count": "input_token_count",
    "token_output_count": "output_token_count",
}
_QUANTITY_MAX: Final = 10**12  # more is no quantity of one run, but somebody's mistake


def read_quantity(metrics: Mapping[str, Any], name: str) -> int | None:
    """Return a reported quantity in millionths of its unit, None if it is not reported as a number."""
    for key in (name, _ALIASES.get(name, name)):
        quantity = to_quantity(metrics.get(key))
        if quantity is not None:
            return quantity
    return None


def to_quantity(value: Any) -> int | None:
    """Return a number in millionths, None for anything else, a negative or an absurd one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return round(value * MICROS) if 0 <= value <= _QUANTITY_MAX else None
