"""Subscriptions to what happens inside the stand-in."""

from sandbox.replicate import CallLogged, FaultsChanged, PredictionChanged, StreamEventSent
from tests.sandbox.replicate.conftest import ApiClient


async def test_subscribers_get_the_events_of_a_prediction(api: ApiClient) -> None:
    subscription = api.standin.subscribe()
    created = await api.create_short_text()
    await api.stream(created["urls"]["stream"])
    await api.wait_for_end(created["id"])
    subscription.close()
    events = [event async for event in subscription]
    assert any(isinstance(event, CallLogged) for event in events)
    statuses = [event.prediction["status"] for event in events if isinstance(event, PredictionChanged)]
    assert (statuses[0], statuses[-1]) == ("starting", "succeeded")
    streamed = [event.event for event in events if isinstance(event, StreamEventSent)]
    assert streamed == ["output"] * 5 + ["done"]


async def test_subscribers_get_the_active_faults(api: ApiClient) -> None:
    with api.standin.subscribe() as subscription:
        api.standin.faults.add("error-500", times=2)
        assert await anext(subscription) == FaultsChanged(("error-500",))
        api.standin.faults.clear()
        assert await anext(subscription) == FaultsChanged(())
