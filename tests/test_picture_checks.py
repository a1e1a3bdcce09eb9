"""A picture is checked once, whatever happens between the request and the answer."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, cast

import pytest

from bot.backends.backend import Backends, CreateRequest
from bot.backends.errors import NoResponse, NotSent
from bot.backends.prediction import Prediction, Status
from bot.backends.replicate.types import ModelRef
from bot.catalog.catalog import Catalog, Command, prepare_command
from bot.catalog.resolve import ResolvedModel
from bot.media.types import PNG as PNG_TYPE
from bot.money.prices import parse_prices
from bot.outputs.items import FileItem
from bot.picture_checks import PictureChecker, can_check
from bot.rules.verdict import Verdict
from bot.runs.pricing import Pricing
from bot.settings import CommandSpec
from bot.store.budgets import UsageFilter
from bot.store.store import Store
from tests.clock import VirtualClock
from tests.store.samples import T0, make_run

PICTURE = FileItem("draw-01.png", b"\x89PNG", PNG_TYPE, 4)
RUN = replace(make_run("run-1"), checker="check")
FILE = {"type": "string", "format": "uri"}
TARGET = ModelRef("sandbox", "classifier", "a" * 64)
SCHEMA = {
    "components": {
        "schemas": {
            "Input": {
                "type": "object",
                "properties": {"image": {"type": "string", "format": "uri", "description": "The image"}},
                "required": ["image"],
            },
        }
    }
}


PRICES = parse_prices("date = 2026-11-01\n[models.'sandbox/classifier']\nrun = 0.002\n")


class Classifier:
    """A backend that answers with ``output``; ``error`` is raised by the next create."""

    def __init__(self, output: Any = None, error: Exception | None = None) -> None:
        self.output = output
        self.error = error
        self.created: list[CreateRequest] = []

    def serves(self, _target: str) -> bool:
        return True

    async def create(self, request: CreateRequest) -> Prediction:
        self.created.append(request)
        if self.error is not None:
            raise self.error
        return self._prediction()

    async def get(self, _prediction_id: str) -> Prediction:
        return self._prediction()

    def _prediction(self) -> Prediction:
        return Prediction(
            id="check-1",
            model="sandbox/classifier",
            version="hidden",
            status=Status.SUCCEEDED,
            created_at=T0,
            output=self.output,
        )


class Commands:
    """A catalog of one command."""

    def __init__(self, output: dict[str, Any]) -> None:
        schema = {"components": {"schemas": {**SCHEMA["components"]["schemas"], "Output": output}}}
        resolved = ResolvedModel(target=TARGET, description="", schema=schema)
        self.command = prepare_command(CommandSpec(name="check", target=TARGET), resolved)

    def get(self, name: str) -> Command | None:
        return self.command if name == "check" else None


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(T0)


@pytest.fixture
async def stored(created_url: str, clock: VirtualClock) -> AsyncIterator[Store]:
    """An open database with the run."""
    store = await Store.open(created_url, clock=clock, durable=False)
    await store.runs.reserve(RUN, ())
    yield store
    await store.close()


def checker(
    store: Store, classifier: Classifier, clock: VirtualClock, *, output: dict[str, Any] | None = None
) -> PictureChecker:
    return PictureChecker(
        catalog=cast("Catalog", Commands(output or {"type": "object"})),
        backends=Backends([cast("Any", classifier)]),
        checks=store.picture_checks,
        pricing=Pricing(PRICES, clock=clock),
        clock=clock,
    )


@pytest.mark.parametrize(
    ("output", "verdict"),
    [({"nsfw": 0.9}, Verdict.UNSAFE), ({"nsfw": 0.1}, Verdict.SAFE), ("a fox", Verdict.UNKNOWN)],
)
async def test_the_answer_of_the_command_decides(
    stored: Store, clock: VirtualClock, output: Any, verdict: Verdict
) -> None:
    classifier = Classifier(output)
    assert await checker(stored, classifier, clock).check(RUN, PICTURE) is verdict
    assert classifier.created[0].input["image"].startswith("data:image/png;base64,")
    assert await checker(stored, classifier, clock).check(RUN, PICTURE) is verdict
    assert len(classifier.created) == 1, "a picture is paid for once"
    usage = await stored.budgets.read_usage(UsageFilter(since=T0.date()))
    assert [(row.command, row.spent, row.runs) for row in usage] == [("check", 2_000, 1)]


async def test_a_check_without_an_answer_is_never_sent_again(stored: Store, clock: VirtualClock) -> None:
    classifier = Classifier({"nsfw": 0.1}, NoResponse("lost"))
    assert await checker(stored, classifier, clock).check(RUN, PICTURE) is Verdict.UNKNOWN
    classifier.error = None
    assert await checker(stored, classifier, clock).check(RUN, PICTURE) is Verdict.UNKNOWN
    assert len(classifier.created) == 1


async def test_a_check_that_was_not_sent_may_be_sent_later(stored: Store, clock: VirtualClock) -> None:
    classifier = Classifier({"nsfw": 0.1}, NotSent("refused"))
    assert await checker(stored, classifier, clock).check(RUN, PICTURE) is Verdict.UNKNOWN
    classifier.error = None
    assert await checker(stored, classifier, clock).check(RUN, PICTURE) is Verdict.SAFE


async def test_a_check_is_followed_after_a_restart(stored: Store, clock: VirtualClock) -> None:
    await stored.picture_checks.begin(RUN.id, PICTURE.name, at=T0)
    await stored.picture_checks.save_prediction(RUN.id, PICTURE.name, "check-1")
    classifier = Classifier({"nsfw": 0.1})
    assert await checker(stored, classifier, clock).check(RUN, PICTURE) is Verdict.SAFE
    assert not classifier.created


async def test_a_command_that_makes_pictures_is_not_asked(stored: Store, clock: VirtualClock) -> None:
    classifier = Classifier({"nsfw": 0.1})
    painter = checker(stored, classifier, clock, output={"type": "array", "items": FILE})
    assert await painter.check(RUN, PICTURE) is Verdict.UNKNOWN
    assert not classifier.created


@pytest.mark.parametrize(
    ("output", "is_able"),
    [
        ({"type": "object"}, True),
        ({"type": "string"}, True),
        ({"type": "number"}, True),
        ({"type": "boolean"}, True),
        ({"type": "array", "items": {"type": "string"}}, True),
        (FILE, False),
        ({"type": "array", "items": FILE}, False),
        ({"type": "object", "properties": {"label": {"type": "string"}, "picture": FILE}}, False),
    ],
)
def test_who_looks_at_pictures_makes_no_files(output: dict[str, Any], *, is_able: bool) -> None:
    assert can_check(Commands(output).command) is is_able


async def test_a_command_that_is_gone_knows_nothing(stored: Store, clock: VirtualClock) -> None:
    classifier = Classifier({"nsfw": 0.1})
    gone = replace(RUN, checker="removed")
    assert await checker(stored, classifier, clock).check(gone, PICTURE) is Verdict.UNKNOWN
    assert not classifier.created
