"""The lifecycle of predictions, and the store that holds them."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any

from bot.clock import Clock
from sandbox.replicate.create_request import HIDDEN_VERSION, CreateRequest
from sandbox.replicate.faults import Fault, Faults
from sandbox.replicate.formats import IdGenerator
from sandbox.replicate.job import Job, ModelFailed, Timings
from sandbox.replicate.prediction import Prediction
from sandbox.replicate.schema import apply_defaults, outputs_files
from sandbox.replicate.streams import StreamServer

OnChange = Callable[[Prediction, str], None]
OnStreamEvent = Callable[[Prediction, str, str, str], None]


class Lifecycle:
    """Lives one prediction from its creation to its end.

    ``tell`` hears created, start, output, logs and completed; ``tell_event`` each event of the stream with its id.
    """

    def __init__(
        self,
        prediction: Prediction,
        *,
        work: Callable[["Lifecycle"], Job],
        behave: Callable[[Job], Awaitable[None]],
        clock: Clock,
        faults: Faults,
        tell: OnChange,
        tell_event: OnStreamEvent,
    ) -> None:
        self.prediction = prediction
        self._clock = clock
        self._faults = faults
        self._tell = tell
        self._tell_event = tell_event
        self._job = work(self)
        self._behave = behave
        self._made = 0
        self._task: asyncio.Task[None] | None = None
        self._guards: set[asyncio.Task[None]] = set()

    def begin(self, *, boot: float) -> None:
        """Start living, in tasks of its own."""
        name = f"prediction {self.prediction.id}"
        self._task = asyncio.create_task(self._live(boot), name=name)
        self._tell(self.prediction, "created")
        if self.prediction.deadline is not None:
            self._guard(self._watch_deadline(), f"{name} deadline")

    async def stop(self) -> None:
        """End every task of this life; the prediction stays as it is."""
        tasks = [task for task in (self._task, *self._guards) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def cancel(self) -> None:
        """Cancel as asked by a person; after the end this changes nothing."""
        if fault := self._faults.take("cancel-lags", self.prediction.model.full_name):
            self._guard(self._cancel_later(fault.get("seconds", 5)), f"prediction {self.prediction.id} cancel")
        else:
            self._cut("canceled")

    def log(self, text: str) -> None:
        """Add ``text`` to the logs."""
        self.prediction.logs += text
        self._tell(self.prediction, "logs")

    async def output(self, value: Any) -> None:
        """Add one output to a list that grows."""
        await self._maybe_break()
        self.prediction.output = [*(self.prediction.output or []), value]
        self._publish(value)

    async def result(self, value: Any) -> None:
        """Set the whole output."""
        await self._maybe_break()
        self.prediction.output = value
        for item in value if isinstance(value, list) else [value]:
            self._publish(item)

    def _publish(self, value: Any) -> None:
        self._made += 1
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        if value is not None:
            self._send("output", text)
        self._tell(self.prediction, "output")

    async def _live(self, boot: float) -> None:
        await self._boot(boot)
        self.prediction.status = "processing"
        self.prediction.started_at = self._clock.now()
        self._tell(self.prediction, "start")
        try:
            await self._behave(self._job)
            await self._maybe_break()
        except ModelFailed as failure:
            self._end("failed", error=str(failure))
            return
        except Exception as error:  # noqa: BLE001 -- whatever a model's code raises fails its prediction, as it does there
            self._end("failed", error=f"Prediction failed: {type(error).__name__}: {error}")
            return
        self.prediction.metrics.update(self._job.metrics)
        self.prediction.outputs_made.set()
        await self._job.rest(self._job.pace().finish)
        self._end("succeeded")

    async def _boot(self, seconds: float) -> None:
        model = self.prediction.model.full_name
        if self._faults.take("aborted", model):
            self._guard(self._abort(), f"prediction {self.prediction.id} abort")
            await asyncio.Event().wait()
        if self._faults.take("never-starts", model):
            await asyncio.Event().wait()
        if fault := self._faults.take("slow-start", model):
            seconds = fault.get("seconds", 60)
        await self._job.rest(seconds)

    async def _maybe_break(self) -> None:
        model = self.prediction.model.full_name

        def due(fault: Fault) -> bool:
            return bool(self._made >= fault.get("after", 0))

        if self._faults.take("never-ends", model, ready=due):
            await asyncio.Event().wait()
        if fault := self._faults.take("fails", model, ready=due):
            raise ModelFailed(fault.get("error", "Prediction interrupted; please retry (code: PA)"))

    async def _watch_deadline(self) -> None:
        deadline = self.prediction.deadline
        if deadline is None:
            return
        await self._clock.sleep((deadline - self._clock.now()).total_seconds())
        self._cut("aborted" if self.prediction.status == "starting" else "canceled")

    async def _cancel_later(self, seconds: float) -> None:
        await self._clock.sleep(seconds)
        self._cut("canceled")

    async def _abort(self) -> None:
        self._cut("aborted")

    def _cut(self, status: str) -> None:
        if self.prediction.over:
            return
        if self._task is not None:
            self._task.cancel()
        self._end(status)

    def _end(self, status: str, *, error: str | None = None) -> None:
        prediction, now = self.prediction, self._clock.now()
        prediction.status, prediction.error, prediction.completed_at = status, error, now
        if self._faults.take("data-removed", prediction.model.full_name):
            prediction.kept_for = timedelta(0)
        predicted = (now - prediction.started_at).total_seconds() if prediction.started_at else 0.0
        prediction.metrics["predict_time"] = predicted
        prediction.metrics["total_time"] = (now - prediction.created_at).total_seconds()
        if status == "failed":
            self._send("error", json.dumps({"detail": error}, ensure_ascii=False))
        reasons = {"succeeded": "{}", "failed": '{"reason":"error"}'}
        self._send("done", reasons.get(status, '{"reason":"canceled"}'))
        prediction.outputs_made.set()
        prediction.ended.set()
        for guard in self._guards - {asyncio.current_task()}:
            guard.cancel()
        self._tell(prediction, "completed")

    def _send(self, event: str, data: str) -> None:
        if self.prediction.channel is not None:
            message = self.prediction.channel.publish(event, data)
            self._tell_event(self.prediction, event, str(message.id), data)

    def _guard(self, work: Any, name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._guards.add(task)
        task.add_done_callback(self._guards.discard)


LifecycleFactory = Callable[[Prediction], Lifecycle]


class PredictionStore(Mapping[str, Prediction]):
    """The predictions by their ids, oldest first. ``live`` makes the life of a new one."""

    def __init__(
        self,
        *,
        clock: Clock,
        pace: Callable[[], Timings],
        ids: IdGenerator,
        faults: Faults,
        streams: StreamServer,
        live: LifecycleFactory,
    ) -> None:
        self._clock = clock
        self._pace = pace
        self._ids = ids
        self._faults = faults
        self._streams = streams
        self._live = live
        self._predictions: dict[str, Prediction] = {}
        self._lives: dict[str, Lifecycle] = {}

    def __getitem__(self, key: str) -> Prediction:
        return self._predictions[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._predictions)

    def __len__(self) -> int:
        return len(self._predictions)

    def newest_first(self) -> list[Prediction]:
        """Return every prediction, the newest first."""
        return list(reversed(self._predictions.values()))

    def create(self, order: CreateRequest) -> Prediction:
        """Make the prediction that was ordered and let it live."""
        prediction = self._prediction(order)
        model = order.model.full_name
        if not self._faults.take("no-stream-url", model):
            token = self._ids.stream()
            files = outputs_files(order.version.output, order.version.schemas)
            path = f"/v1/files/{self._ids.pool()}-{token}" if files else f"/v1/streams/{token}"
            prediction.stream_path = path
            prediction.channel = self._streams.open(path, prediction_id=prediction.id, model=model)
        prediction.has_web_url = self._faults.take("no-web-url", model) is None
        prediction.inlines_files = self._faults.take("inline-outputs", model) is not None
        life = self._live(prediction)
        self._predictions[prediction.id] = prediction
        self._lives[prediction.id] = life
        pace = self._pace()
        life.begin(boot=pace.queue if order.shown_version == HIDDEN_VERSION else pace.boot)
        return prediction

    def cancel(self, prediction: Prediction) -> None:
        """Cancel as asked by a person; after the end this changes nothing."""
        self._lives[prediction.id].cancel()

    async def stop(self) -> None:
        """End every life where it stands."""
        await asyncio.gather(*(life.stop() for life in self._lives.values()))

    def _prediction(self, order: CreateRequest) -> Prediction:
        created_at = self._clock.now()
        if newest := next(iter(reversed(self._predictions.values())), None):
            # The list is paged by creation time, so no two share one.
            created_at = max(created_at, newest.created_at + timedelta(microseconds=1))
        return Prediction(
            id=self._ids.resource(),
            number=len(self._predictions),
            model=order.model,
            version=order.version,
            shown_version=order.shown_version,
            input=order.input,
            kept_input=apply_defaults(order.input, order.version.schemas),
            created_at=created_at,
            webhook=order.webhook,
            webhook_events=order.webhook_events,
            deployment=order.deployment,
            deadline=created_at + order.cancel_after if order.cancel_after else None,
        )
