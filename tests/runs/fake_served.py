"""A fake server of one's own: it names predictions by their runs, has places, and forgets what is over."""

from collections import deque
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from typing import Final

from bot.backends.backend import BackendTraits, CreateAllowance, CreateRequest, Places
from bot.backends.errors import BackendError, Busy, EndPending, Forgotten, NoResponse, NotFound, StreamLost
from bot.backends.prediction import NextReadIn, OnBatch, Prediction
from tests.runs.fake_replicate import LOST_ANSWER, NEVER_ARRIVED, FakePrediction, FakeReplicate

SERVED: Final = "cog+http://gpu:5000"
PATIENCE: Final = timedelta(minutes=4)


class FakeServed:
    """Predictions are those of a ``FakeReplicate``, which a test changes; ``create_results`` are its own.

    ``others`` is how many places somebody else uses.
    """

    name = SERVED
    traits = BackendTraits(names_predictions=True, keeps_ends=False, cancels_at_deadline=False)
    create_allowance: CreateAllowance | None = None

    def __init__(self, fake: FakeReplicate, *, at_once: int = 1) -> None:
        self.pace = Places(at_once)
        self.create_results: deque[str | BackendError] = deque()
        self.creates: list[CreateRequest] = []
        self.others = 0
        self.has_streams = False  # whether its model writes text
        self.is_restarted = False  # and so has forgotten everything
        self.is_end_pending = False
        self._fake = fake

    def serves(self, target: str) -> bool:
        return target == SERVED

    def webhook_url(self, run_id: str) -> str:
        return f"http://127.0.0.1:8080/webhooks/cog/{run_id}/code"

    def running(self) -> list[FakePrediction]:
        return [one for one in self._fake.by_id.values() if not one.now.status.terminal]

    async def create(self, request: CreateRequest) -> Prediction:
        self.creates.append(request)
        result = self.create_results.popleft() if self.create_results else "ok"
        if isinstance(result, BackendError):
            raise result
        if result == NEVER_ARRIVED:
            raise NoResponse("timeout")
        if len(self.running()) + self.others >= self.pace.at_once:
            raise Busy
        assert request.run_id not in self._fake.by_id, "the same prediction is created twice"
        prediction = self._fake.make_named(request.run_id, request.input, has_stream=self.has_streams)
        if result == LOST_ANSWER:
            raise NoResponse("connection reset")
        return prediction.now

    async def get(self, prediction_id: str) -> Prediction:
        self._fake.polls += 1
        if self._fake.poll_errors and (error := self._fake.poll_errors.popleft()) is not None:
            raise error
        if self.is_end_pending:
            raise EndPending("The end was not told yet.")
        if self.is_restarted or prediction_id not in self._fake.by_id:
            raise Forgotten(restarted=self.is_restarted, unfinished=self.is_restarted)
        return self._fake.by_id[prediction_id].now

    async def cancel(self, prediction_id: str) -> None:
        if prediction_id not in self._fake.by_id:
            raise NotFound(status=404, title="", detail="")
        await self._fake.cancel(prediction_id)

    async def list_created(self, *, after: datetime, before: datetime) -> AsyncIterator[Prediction]:
        raise AssertionError(f"Nothing is looked for in a list ({after}, {before}).")
        yield  # it is a generator

    def is_of_target(self, prediction: Prediction, target: str) -> bool:
        return bool(prediction) and self.serves(target)

    async def stream(
        self,
        prediction: Prediction,
        on_batch: OnBatch,
        *,
        next_read_in: NextReadIn,
        on_interruption: Callable[[], None],
    ) -> None:
        if prediction.stream_url is None:
            raise StreamLost("no stream")
        await self._fake.read(
            prediction.stream_url, on_batch, next_read_in=next_read_in, on_interruption=on_interruption
        )

    async def upload(self, *, name: str, content_type: str, data: bytes) -> str:
        assert name
        return f"data:{content_type};base64,{len(data)}"
