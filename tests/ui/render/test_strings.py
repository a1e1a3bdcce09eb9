"""The sentences about quotas."""

from datetime import UTC, datetime, timedelta

import pytest

from bot.store.errors import QuotaExceeded, QuotaKind
from bot.ui.render.strings import explain_quota

AT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("exceeded", "sentence"),
    [
        (
            QuotaExceeded(QuotaKind.ACTIVE, limit=3, used=3),
            "You already have 3 runs in progress. Wait for one to finish, or stop one with ❌.",
        ),
        (
            QuotaExceeded(QuotaKind.ACTIVE, limit=1, used=1),
            "You already have a run in progress. Wait for it to finish, or stop it with ❌.",
        ),
        (
            QuotaExceeded(QuotaKind.DAILY, limit=5, used=5, retry_at=AT),
            f"You've reached the limit of 5 runs in 24 hours. You can start the next one <t:{int(AT.timestamp())}:R>.",
        ),
        (
            QuotaExceeded(QuotaKind.DAILY, limit=1, used=4, retry_at=AT),
            f"You've reached the limit of 1 run in 24 hours. You can start the next one <t:{int(AT.timestamp())}:R>.",
        ),
        (QuotaExceeded(QuotaKind.DAILY, limit=0, used=0), "Runs are switched off here right now."),
    ],
)
def test_explain_quota(exceeded: QuotaExceeded, sentence: str) -> None:
    assert explain_quota(exceeded) == sentence


def test_a_fraction_of_a_second_is_rounded_up() -> None:
    exceeded = QuotaExceeded(QuotaKind.DAILY, limit=1, used=1, retry_at=AT + timedelta(seconds=0.25))
    assert f"<t:{int(AT.timestamp()) + 1}:R>" in explain_quota(exceeded)
