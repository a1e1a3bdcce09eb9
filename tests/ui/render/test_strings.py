"""The sentences about quotas, failures and warnings."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.runs.cancels import CancelResult
from bot.runs.outcome import FailureCode, FailureReason
from bot.runs.snapshot import WarningCode
from bot.store.errors import QuotaExceeded, QuotaKind
from bot.ui.render.strings import CANCEL_ANSWERS, explain_failure, explain_quota, explain_warning, linked_prediction
from tests.ui.factories import make_run

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


@pytest.mark.parametrize("code", FailureCode)
@pytest.mark.parametrize(
    "detail", [{}, {"message": "{CUDA} error"}, {"fields": ("seed: must be a number",)}, {"deadline": 1800}]
)
def test_every_failure_has_a_sentence(code: FailureCode, detail: dict[str, Any]) -> None:
    reason = FailureReason(code, **detail)
    sentence = explain_failure(make_run(cause=code.value, failure=reason.to_detail()))
    assert sentence.endswith(".")
    assert "{}" not in sentence


@pytest.mark.parametrize(
    ("code", "detail", "sentence"),
    [
        (FailureCode.MODEL, {"message": "CUDA error"}, "“CUDA error”. Change the input and try again."),
        (
            FailureCode.INVALID_INPUT,
            {"fields": ("seed: must be a number", "prompt is missing")},
            "The model doesn't accept this: seed: must be a number; prompt is missing. Change it and try again.",
        ),
        (FailureCode.DEADLINE, {"deadline": 1800}, "The run took longer than 30 minutes. Try asking for less."),
    ],
)
def test_failures_with_details(code: FailureCode, detail: dict[str, Any], sentence: str) -> None:
    reason = FailureReason(code, **detail)
    assert explain_failure(make_run(cause=code.value, failure=reason.to_detail())) == sentence


def test_failures_of_earlier_versions_are_shown_as_stored() -> None:
    assert explain_failure(make_run(cause="memory", failure="The model ran out of memory.")) == (
        "The model ran out of memory."
    )
    assert explain_failure(make_run(cause="unknown to this version")) == ""


@pytest.mark.parametrize("warning", WarningCode)
def test_every_warning_has_a_sentence(warning: WarningCode) -> None:
    assert explain_warning(make_run(), warning).endswith(".")


@pytest.mark.parametrize("result", CancelResult)
def test_every_cancel_result_has_an_answer(result: CancelResult) -> None:
    assert CANCEL_ANSWERS[result].endswith(".")


@pytest.mark.parametrize("detail", [{}, {"message": "CUDA error"}, {"deadline": 1800}])
@pytest.mark.parametrize("code", FailureCode)
def test_own_models_fail_without_a_word_of_replicate(code: FailureCode, detail: dict[str, Any]) -> None:
    reason = FailureReason(code, **detail)
    run = make_run(target="cog+http://gpu:5000", cause=code.value, failure=reason.to_detail())
    sentence = explain_failure(run)
    assert sentence
    assert "Replicate" not in sentence
    assert "billed" not in sentence


@pytest.mark.parametrize("warning", WarningCode)
def test_own_models_warn_without_a_word_of_replicate(warning: WarningCode) -> None:
    sentence = explain_warning(make_run(target="cog+http://gpu:5000"), warning)
    assert sentence.endswith(".")
    assert "Replicate" not in sentence


def test_own_models_have_no_prediction_to_link_to() -> None:
    assert linked_prediction(make_run(target="cog+http://gpu:5000", prediction_id="a")) is None
    assert linked_prediction(make_run(prediction_id="a")) == "a"
