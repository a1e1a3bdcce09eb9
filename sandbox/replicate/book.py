"""Book: every prediction that was made, and the lives they live."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta

from bot.clock import Clock
from sandbox.replicate.faults import Faults
from sandbox.replicate.ids import Ids
from sandbox.replicate.life import Life
from sandbox.replicate.orders import HIDDEN, Order
from sandbox.replicate.pace import Pace
from sandbox.replicate.prediction import Prediction
from sandbox.replicate.shapes import has_files
from sandbox.replicate.streams import Streams
from sandbox.replicate.validation import keep_known

LifeOf = Callable[[Prediction], Life]


class Book(Mapping[str, Prediction]):
    """The predictions by their ids, oldest first. ``live`` makes the life of a new one."""

    def __init__(
        self, *, clock: Clock, pace: Callable[[], Pace], ids: Ids, faults: Faults, streams: Streams, live: LifeOf
    ) -> None:
        self._clock = clock
        self._pace = pace
        self._ids = ids
        self._faults = faults
        self._streams = streams
        self._live = live
        self._predictions: dict[str, Prediction] = {}
        self._lives: dict[str, Life] = {}

    def __getitem__(self, key: str) -> Prediction:
        return self._predictions[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._predictions)

    def __len__(self) -> int:
        return len(self._predictions)

    def newest_first(self) -> list[Prediction]:
        """Return every prediction, the newest first."""
        return list(reversed(self._predictions.values()))

    def create(self, order: Order) -> Prediction:
        """Make the prediction that was ordered and let it live."""
        prediction = self._prediction(order)
        model = order.model.full_name
        if not self._faults.take("no-stream-url", model):
            token = self._ids.stream()
            files = has_files(order.version.output, order.version.schemas)
            path = f"/v1/files/{self._ids.pool()}-{token}" if files else f"/v1/streams/{token}"
            prediction.stream_path = path
            prediction.channel = self._streams.open(path, prediction_id=prediction.id, model=model)
        prediction.has_web_url = self._faults.take("no-web-url", model) is None
        prediction.inlines_files = self._faults.take("inline-outputs", model) is not None
        life = self._live(prediction)
        self._predictions[prediction.id] = prediction
        self._lives[prediction.id] = life
        pace = self._pace()
        life.begin(boot=pace.queue if order.shown_version == HIDDEN else pace.boot)
        return prediction

    def cancel(self, prediction: Prediction) -> None:
        """Cancel as asked by a person; after the end this changes nothing."""
        self._lives[prediction.id].cancel()

    async def stop(self) -> None:
        """End every life where it stands."""
        await asyncio.gather(*(life.stop() for life in self._lives.values()))

    def _prediction(self, order: Order) -> Prediction:
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
            kept_input=keep_known(order.input, order.version.schemas),
            created_at=created_at,
            webhook=order.webhook,
            webhook_events=order.webhook_events,
            deployment=order.deployment,
            deadline=created_at + order.cancel_after if order.cancel_after else None,
        )
