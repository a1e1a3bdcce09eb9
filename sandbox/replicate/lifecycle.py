"""The lifecycle of predictions, and the store that holds them.

Statuses::

    starting ──▶ processing ──▶ succeeded    the model finished
        │             ├───────▶ failed       the model raised an error
        ├─────────────┴───────▶ canceled     a client cancelled it, or its deadline passed while it ran
        └─────────────────────▶ aborted      its deadline passed before it ran
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from datetime import timedelta
from typing import Any

from bot.clock import Clock
from sandbox.replicate.create_request import HIDDEN_VERSION, CreateRequest
from sandbox.replicate.faults import Fault, Faults
from sandbox.replicate.formats import IdGenerator
from sandbox.replicate.job import Job, ModelFailed, Timings
from sandbox.replicate.prediction import Prediction
from sandbox.replicate.raw_json import RawJson, encode_json
from sandbox.replicate.schema import apply_defaults, outputs_files
from sandbox.replicate.streams import StreamServer

OnChange = Callable[[Prediction, str], None]
OnStreamEvent = Callable[[Prediction, str, str, str], None]


class Lifecycle:
    """Runs one prediction from its creation to its end.

    ``on_change`` is called with created, start, output, logs and completed; ``on_stream_event`` with the name, id and
    data of each event of the stream.
    """

    def __init__(
        self,
        prediction: Prediction,
        *,
        make_job: Callable[["Lifecycle"], Job],
        predict: Callable[[Job], Awaitable[None]],
        clock: Clock,
        faults: Faults,
        on_change: OnChange,
        on_stream_event: OnStreamEvent,
    ) -> None:
        self.prediction = prediction
        self._clock = clock
        self._faults = faults
        self._on_change = on_change
        self._on_stream_event = on_stream_event
        self._job = make_job(self)
        self._predict = predict
        self._output_count = 0
        self._task: asyncio.Task[None] | None = None
        self._timers: set[asyncio.Task[None]] = set()

    def start(self, *, boot: float) -> None:
        """Run the prediction in a task; the model takes ``boot`` seconds to start."""
        name = f"prediction {self.prediction.id}"
        self._task = asyncio.create_task(self._run(boot), name=name)
        self._on_change(self.prediction, "created")
        if self.prediction.deadline is not None:
            self._start_timer(self._enforce_deadline(), f"{name} deadline")

    async def stop(self) -> None:
        """Cancel every task; the prediction stays as it is."""
        tasks = [task for task in (self._task, *self._timers) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def cancel(self) -> None:
        """Cancel the prediction for a client; does nothing after its end."""
        if fault := self._faults.trigger("cancel-lags", self.prediction.model.full_name):
            self._start_timer(self._cancel_later(fault.get("seconds", 5)), f"prediction {self.prediction.id} cancel")
        else:
            self._terminate("canceled")

    def log(self, text: str) -> None:
        self.prediction.logs += text
        self._on_change(self.prediction, "logs")

    async def add_output(self, value: Any) -> None:
        """Append one output to a list that grows."""
        await self._apply_faults()
        self.prediction.output = [*(self.prediction.output or []), value]
        self._publish_output(value)

    async def set_output(self, value: Any) -> None:
        """Set the whole output."""
        await self._apply_faults()
        self.prediction.output = value
        for item in value if isinstance(value, list) else [value]:
            self._publish_output(item)

    async def _return_other_output(self, fault: Fault) -> None:
        """Return what a test wants: a model's code may return any JSON, and files of any name."""
        if (files := fault.get("files", None)) is not None:
            await self.set_output([self._job.save_file(data, name) for name, data in files.items()])
        elif (raw := fault.get("raw", None)) is not None:
            await self.set_output(RawJson(raw))
        else:
            await self.set_output(fault["output"])

    def _publish_output(self, value: Any) -> None:
        self._output_count += 1
        text = value if isinstance(value, str) else encode_json(value)
        if value is not None:
            self._send_stream_event("output", text)
        self._on_change(self.prediction, "output")

    async def _run(self, boot: float) -> None:
        await self._boot(boot)
        self.prediction.status = "processing"
        self.prediction.started_at = self._clock.now()
        self._on_change(self.prediction, "start")
        try:
            if fault := self._faults.trigger("other-logs", self.prediction.model.full_name):
                self.log(fault["logs"])
            if fault := self._faults.trigger("other-output", self.prediction.model.full_name):
                await self._return_other_output(fault)
            else:
                await self._predict(self._job)
            await self._apply_faults()
        except ModelFailed as failure:
            self._finish("failed", error=str(failure))
            return
        except Exception as error:  # noqa: BLE001 -- on Replicate, too, any error in a model's code fails its prediction
            self._finish("failed", error=f"Prediction failed: {type(error).__name__}: {error}")
            return
        self.prediction.metrics.update(self._job.metrics)
        self.prediction.outputs_ready.set()
        await self._job.sleep(self._job.timings().finish)
        self._finish("succeeded")

    async def _boot(self, seconds: float) -> None:
        model = self.prediction.model.full_name
        if self._faults.trigger("aborted", model):
            self._start_timer(self._abort(), f"prediction {self.prediction.id} abort")
            await asyncio.Event().wait()
        if self._faults.trigger("never-starts", model):
            await asyncio.Event().wait()
        if fault := self._faults.trigger("slow-start", model):
            seconds = fault.get("seconds", 60)
        await self._job.sleep(seconds)

    async def _apply_faults(self) -> None:
        model = self.prediction.model.full_name

        def is_due(fault: Fault) -> bool:
            return bool(self._output_count >= fault.get("after", 0))

        if self._faults.trigger("never-ends", model, ready=is_due):
            await asyncio.Event().wait()
        if fault := self._faults.trigger("fails", model, ready=is_due):
            raise ModelFailed(fault.get("error", "Prediction interrupted; please retry (code: PA)"))

    async def _enforce_deadline(self) -> None:
        deadline = self.prediction.deadline
        if deadline is None:
            return
        await self._clock.sleep((deadline - self._clock.now()).total_seconds())
        self._terminate("aborted" if self.prediction.status == "starting" else "canceled")

    async def _cancel_later(self, seconds: float) -> None:
        await self._clock.sleep(seconds)
        self._terminate("canceled")

    async def _abort(self) -> None:
        self._terminate("aborted")

    def _terminate(self, status: str) -> None:
        if self.prediction.finished:
            return
        if self._task is not None:
            self._task.cancel()
        self._finish(status)

    def _finish(self, status: str, *, error: str | None = None) -> None:
        prediction, now = self.prediction, self._clock.now()
        prediction.status, prediction.error, prediction.completed_at = status, error, now
        if self._faults.trigger("data-removed", prediction.model.full_name):
            prediction.data_retention = timedelta(0)
        predict_time = (now - prediction.started_at).total_seconds() if prediction.started_at else 0.0
        prediction.metrics["predict_time"] = predict_time
        prediction.metrics["total_time"] = (now - prediction.created_at).total_seconds()
        if status == "failed":
            self._send_stream_event("error", json.dumps({"detail": error}, ensure_ascii=False))
        reasons = {"succeeded": "{}", "failed": '{"reason":"error"}'}
        self._send_stream_event("done", reasons.get(status, '{"reason":"canceled"}'))
        prediction.outputs_ready.set()
        prediction.ended.set()
        for timer in self._timers - {asyncio.current_task()}:
            timer.cancel()
        self._on_change(prediction, "completed")

    def _send_stream_event(self, event: str, data: str) -> None:
        if self.prediction.channel is not None:
            message = self.prediction.channel.publish(event, data)
            self._on_stream_event(self.prediction, event, str(message.id), data)

    def _start_timer(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._timers.add(task)
        task.add_done_callback(self._timers.discard)


LifecycleFactory = Callable[[Prediction], Lifecycle]


class PredictionStore(Mapping[str, Prediction]):
    """The predictions by their ids, oldest first. ``make_lifecycle`` creates the lifecycle of a new one."""

    def __init__(
        self,
        *,
        clock: Clock,
        timings: Callable[[], Timings],
        ids: IdGenerator,
        faults: Faults,
        streams: StreamServer,
        make_lifecycle: LifecycleFactory,
    ) -> None:
        self._clock = clock
        self._timings = timings
        self._ids = ids
        self._faults = faults
        self._streams = streams
        self._make_lifecycle = make_lifecycle
        self._predictions: dict[str, Prediction] = {}
        self._lifecycles: dict[str, Lifecycle] = {}

    def __getitem__(self, key: str) -> Prediction:
        return self._predictions[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._predictions)

    def __len__(self) -> int:
        return len(self._predictions)

    def newest_first(self) -> list[Prediction]:
        return list(reversed(self._predictions.values()))

    def create(self, request: CreateRequest) -> Prediction:
        """Create the requested prediction and start its lifecycle."""
        prediction = self._build_prediction(request)
        model = request.model.full_name
        if not self._faults.trigger("no-stream-url", model):
            token = self._ids.new_stream_token()
            files = outputs_files(request.version.output, request.version.schemas)
            path = f"/v1/files/{self._ids.new_pool()}-{token}" if files else f"/v1/streams/{token}"
            prediction.stream_path = path
            prediction.channel = self._streams.open_channel(path, prediction_id=prediction.id, model=model)
        prediction.has_web_url = self._faults.trigger("no-web-url", model) is None
        prediction.inlines_files = self._faults.trigger("inline-outputs", model) is not None
        lifecycle = self._make_lifecycle(prediction)
        self._predictions[prediction.id] = prediction
        self._lifecycles[prediction.id] = lifecycle
        timings = self._timings()
        lifecycle.start(boot=timings.queue if request.displayed_version == HIDDEN_VERSION else timings.boot)
        return prediction

    def cancel(self, prediction: Prediction) -> None:
        """Cancel a prediction for a client; does nothing after its end."""
        self._lifecycles[prediction.id].cancel()

    async def stop(self) -> None:
        """Stop every lifecycle; the predictions stay as they are."""
        await asyncio.gather(*(lifecycle.stop() for lifecycle in self._lifecycles.values()))

    def _build_prediction(self, request: CreateRequest) -> Prediction:
        created_at = self._clock.now()
        if newest := next(iter(reversed(self._predictions.values())), None):
            # The list is paged by creation time, so no two predictions share one.
            created_at = max(created_at, newest.created_at + timedelta(microseconds=1))
        return Prediction(
            id=self._ids.new_resource_id(),
            number=len(self._predictions),
            model=request.model,
            version=request.version,
            displayed_version=request.displayed_version,
            input=request.input,
            model_input=apply_defaults(request.input, request.version.schemas),
            created_at=created_at,
            webhook=request.webhook,
            webhook_events=request.webhook_events,
            deployment=request.deployment,
            deadline=created_at + request.cancel_after if request.cancel_after else None,
        )
