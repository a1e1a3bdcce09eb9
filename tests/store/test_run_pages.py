"""A person's runs page by page; on both databases."""

from bot.store.queries import RunPage
from bot.store.store import Store
from tests.store.samples import BOB, MIA, after, make_run


def ids(page: RunPage) -> list[str]:
    return [run.id for run in page.runs]


async def reserve_runs(store: Store, count: int) -> None:
    """Store runs of one person; two each are of the same moment."""
    for number in range(count):
        await store.runs.reserve(make_run(f"run-{number}", created_at=after(number // 2)))


async def test_pages_have_every_run_once_in_both_directions(store: Store) -> None:
    await reserve_runs(store, 5)
    await store.runs.reserve(make_run("bobs", author_id=BOB))
    first = await store.runs.list_page(MIA, limit=2)
    assert (ids(first), first.has_newer, first.has_older) == (["run-4", "run-3"], False, True)
    second = await store.runs.list_page(MIA, limit=2, before="run-3")
    assert (ids(second), second.has_newer, second.has_older) == (["run-2", "run-1"], True, True)
    last = await store.runs.list_page(MIA, limit=2, before="run-1")
    assert (ids(last), last.has_newer, last.has_older) == (["run-0"], True, False)
    back = await store.runs.list_page(MIA, limit=2, after="run-0")
    assert (ids(back), back.has_newer, back.has_older) == (["run-2", "run-1"], True, True)
    assert await store.runs.list_page(MIA, limit=2, after="run-2") == first


async def test_a_page_beside_a_run_that_is_gone_is_the_first(store: Store) -> None:
    await reserve_runs(store, 3)
    await store.runs.reserve(make_run("bobs", author_id=BOB))
    first = await store.runs.list_page(MIA, limit=2)
    for anchor in ("deleted", "bobs"):
        assert await store.runs.list_page(MIA, limit=2, before=anchor) == first
        assert await store.runs.list_page(MIA, limit=2, after=anchor) == first


async def test_who_has_no_runs_has_an_empty_page(store: Store) -> None:
    assert await store.runs.list_page(MIA, limit=2) == RunPage((), has_newer=False, has_older=False)
