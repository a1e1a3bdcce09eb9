"""Progress from the logs of real models."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.runs.progress import LogProgress, LogReader, ProgressEstimator

MODELS = Path(__file__).parents[3] / "shared" / "models"


def logs_of(name: str) -> str:
    path = MODELS / f"{name}.json"
    if not path.exists():
        pytest.skip("the captured models are not here")
    return str(json.loads(path.read_text())["default_example"]["logs"])


def read(text: str) -> LogProgress | None:
    logs = LogReader()
    logs.read(text)
    return logs.step


@pytest.mark.parametrize(
    ("line", "step", "steps"),
    [
        (" 75%|███████▌  | 3/4 [00:03<00:01,  1.15s/it]", 3, 4),
        ("\x1b[33mSampling:\x1b[0m  50%|█████     | 10/20 [00:02<00:02,  4.4it/s]\x1b[A", 10, 20),
        ("  0%|          | 0/28 [00:00<?, ?it/s]", 0, 28),
        ("12 /    400\n", 12, 400),
    ],
)
def test_a_progress_bar_gives_a_step(line: str, step: int, steps: int) -> None:
    progress = read(f"Running workflow\n{line}")
    assert progress is not None
    assert (progress.step, progress.steps) == (step, steps)


@pytest.mark.parametrize(
    "line",
    [
        " 10%|▉         | 35.7M/368M [00:00<00:03, 102MB/s]",
        "100%|██████████| 368/368 [00:02<00:00, 183MB/s]",
        "Downloading shards:  50%|█████     | 1/2 [00:01<00:01,  1.0s/it]",
        "Fetching 11 files:  45%|████▌     | 5/11 [00:01<00:01,  4.0it/s]",
        "Loading pipeline components...: 100%|██████████| 7/7 [00:00<00:00, 9.0it/s]",
        "0: 640x640 1 eyes, 6.2ms",
        "Prompt: 3/4 of a pie",
        "https://example.org/1/2",
    ],
)
def test_downloads_and_loading_are_ignored(line: str) -> None:
    assert read(f"{line}\n") is None


@pytest.mark.parametrize(
    ("model", "step", "bars"),
    [
        ("black-forest-labs_flux-schnell", (4, 4), 0),
        ("stability-ai_sdxl", (5, 5), 1),
        ("meta_musicgen", None, None),
        ("lucataco_xtts-v2", None, None),
        ("smoretalk_rembg-enhance", None, None),
    ],
)
def test_real_logs_are_read(model: str, step: tuple[int, int] | None, bars: int | None) -> None:
    progress = read(logs_of(model))
    if model == "meta_musicgen":
        assert progress is not None
        assert progress.steps == 400
    elif step is None:
        assert progress is None
    else:
        assert progress is not None
        assert ((progress.step, progress.steps), progress.bars) == (step, bars)


def test_growing_logs_give_the_same_as_whole_ones() -> None:
    text = logs_of("fofr_consistent-character")
    logs = LogReader()
    for end in range(0, len(text) + 37, 37):
        logs.read(text[:end])
    whole = read(text + "\n")
    logs.read(text + "\n")
    assert logs.step == whole
    assert whole is not None
    assert whole.bars > 20


@given(st.text(), st.integers(0, 30))
def test_any_log_can_be_read(text: str, cut: int) -> None:
    logs = LogReader()
    logs.read(text[:cut])
    logs.read(text)
    logs.read("")


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 6), st.integers(0, 6)), max_size=30))
def test_the_fraction_only_grows_up_to_one(readings: list[tuple[int, int, int]]) -> None:
    estimator, before, done, bars = ProgressEstimator(), 0.0, 0, 0
    for step, more_done, more_bars in readings:
        done, bars = done + more_done, bars + more_bars
        fraction = estimator.read(LogProgress(step, 4, bars), done=done, total=5)
        assert fraction is not None
        assert before <= fraction <= 1.0
        before = fraction


def test_the_bars_per_output_are_learned() -> None:
    estimator = ProgressEstimator()
    estimator.read(LogProgress(4, 4, 5), done=1, total=2)  # the first output took six bars
    assert estimator.read(LogProgress(4, 4, 8), done=1, total=2) == pytest.approx(0.75)


@pytest.mark.parametrize("step", ["9" * 5000, "1234567890", "１２", "٣"])
def test_a_number_that_is_no_step_is_ignored(step: str) -> None:
    assert read(f" 50%|#####     | {step}/{step} [00:01<00:01, 1it/s]\n{step}/{step}\n") is None


@given(st.text(alphabet="0123456789/|%[] \r\n\x1b[m٣１.its", max_size=300))
def test_no_log_makes_the_reader_fail(text: str) -> None:
    progress = read(text * 3)
    assert progress is None or 0 <= progress.step <= progress.steps
