"""What happens inside the stand-in can be watched."""


async def test_what_happens_can_be_watched(api):
    watch = api.standin.subscribe()
    created = await api.five_tokens()
    await api.stream(created["urls"]["stream"])
    await api.finished(created["id"])
    watch.close()
    seen = [happening async for happening in watch]
    kinds = [type(happening).__name__ for happening in seen]
    assert {"CallLogged", "PredictionChanged", "StreamEventSent"} <= set(kinds)
    states = [happening.prediction["status"] for happening in seen if hasattr(happening, "prediction")]
    assert (states[0], states[-1]) == ("starting", "succeeded")
    assert [happening.event for happening in seen if hasattr(happening, "data")] == ["output"] * 5 + ["done"]


async def test_the_switches_that_are_on_can_be_watched(api):
    with api.standin.subscribe() as watch:
        api.standin.faults.add("error-500", times=2)
        assert (await anext(watch)).active == ("error-500",)
        api.standin.faults.clear()
        assert (await anext(watch)).active == ()
