"""The library's cards keep to Discord's rules, whatever the prompts are, and say what they show."""

from dataclasses import replace

import pytest
from discord import ui

from bot.media.types import MediaKind
from bot.store.gallery import GalleryConsent
from bot.store.library import LibraryEntry, LibraryPage
from bot.store.models import RunOutput
from bot.ui.library_items import LibraryState
from bot.ui.render.gallery import copied_pictures, gallery_card
from bot.ui.render.library import consent_card, entry_card, page_card, page_files
from bot.visibility import Visibility
from tests.store.samples import MIA, T0, make_run
from tests.ui.message_rules import Json, check_message, iter_components, media_urls, text_contents

PAGE_STATES = [
    LibraryState(),
    LibraryState(flags=frozenset("fhi"), words="**cat** `\N{RIGHT-TO-LEFT OVERRIDE}"),
    LibraryState(command="removed", before=3),
]
PROMPTS = [
    "a cat",
    None,
    "",
    "x" * 6000,
    "\n\n\n",
    "```**@everyone** <@1> [a](https://b.example)||\N{RIGHT-TO-LEFT OVERRIDE}",
    "\N{GRINNING FACE}" * 3000,
    "e\N{COMBINING ACUTE ACCENT}" * 500,
    "# big\n> quote\n-# small",
]


def entry(number: int, **changes: object) -> LibraryEntry:
    made = LibraryEntry(
        number=number,
        run_id=f"run{number}",
        author_id=MIA,
        author_name="Mia",
        guild_id=2,
        channel_id=3,
        message_id=4,
        command="generate",
        kind=MediaKind.IMAGE,
        prompt="a cat",
        created_at=T0,
        visibility=Visibility.PUBLIC,
        deleted_at=None,
        is_favourite=False,
        thumbnail=b"picture",
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # as the tests name them


def payload(card: ui.LayoutView) -> list[Json]:
    components: list[Json] = card.to_components()  # type: ignore[no-untyped-call]  # discord.py's
    return components


@pytest.mark.parametrize("state", PAGE_STATES)
def test_a_page_of_any_prompts_is_accepted(state: LibraryState) -> None:
    entries = tuple(entry(number, prompt=prompt) for number, prompt in enumerate(PROMPTS, 1))
    page = LibraryPage(entries=entries, has_newer=True, has_older=True)
    card = payload(page_card(page, state, [f"command{number}" for number in range(60)], in_server=True))
    check_message(card)
    names = [file.filename for file in page_files(page)()]
    assert media_urls(card) == [f"attachment://{name}" for name in names]
    assert len(text_contents(card)[1].splitlines()) == len(PROMPTS)


@pytest.mark.parametrize("state", PAGE_STATES)
def test_an_empty_page_says_what_to_do(state: LibraryState) -> None:
    card = payload(page_card(LibraryPage(entries=(), has_newer=False, has_older=False), state, [], in_server=False))
    check_message(card)
    told = "\n".join(text_contents(card))
    assert ("fewer filters" if state.is_filtered else "Nothing here yet") in told
    assert not page_files(LibraryPage(entries=(), has_newer=False, has_older=False))()


def test_a_spoiler_is_covered_in_the_library_too() -> None:
    page = LibraryPage(entries=(entry(1, visibility=Visibility.SPOILER),), has_newer=False, has_older=False)
    card = payload(page_card(page, LibraryState(), [], in_server=True))
    [gallery] = [one for one in iter_components(card) if one["type"] == 12]
    assert gallery["items"][0]["spoiler"] is True
    assert [file.filename for file in page_files(page)()] == ["SPOILER_result-1-1.webp"]


@pytest.mark.parametrize("prompt", PROMPTS)
def test_one_result_with_any_prompt_is_accepted(prompt: str | None) -> None:
    for shown in (entry(1, prompt=prompt), entry(1, prompt=prompt, deleted_at=T0, is_favourite=True)):
        check_message(payload(entry_card(shown, make_run("run1", prompt=prompt), LibraryState(), is_author=True)))


def test_a_private_result_has_no_way_to_a_message() -> None:
    shown = entry(1, visibility=Visibility.PRIVATE)
    card = payload(entry_card(shown, make_run("run1"), LibraryState(), is_author=True))
    assert not any("url" in one for one in iter_components(card) if one["type"] == 2)
    assert any("Only you can see this result" in text for text in text_contents(card))


@pytest.mark.parametrize("may_repeat", [True, False])
def test_somebody_elses_result_offers_what_is_for_all(*, may_repeat: bool) -> None:
    run = make_run("run1")
    card = payload(
        entry_card(entry(1, author_name="**Bob**"), run, LibraryState(), is_author=False, may_repeat=may_repeat)
    )
    assert "by \\*\\*Bob\\*\\*" in text_contents(card)[0]
    labels = {one.get("label") for one in iter_components(card) if one["type"] == 2}
    assert {"Again", "Edit", "Delete…"} & labels == ({"Again", "Edit"} if may_repeat else set())


@pytest.mark.parametrize("prompt", PROMPTS)
def test_a_copy_with_any_prompt_is_accepted(prompt: str | None) -> None:
    run = make_run("run1", prompt=prompt, visibility=Visibility.SPOILER)
    outputs = [output(number) for number in range(1, 9)]
    pictures = copied_pictures(run, outputs)
    assert [one.number for one in pictures] == [1, 2, 3, 4]
    card = payload(gallery_card(run, pictures, stars=3, shows_prompt=True))
    check_message(card)
    assert media_urls(card)[0] == "attachment://SPOILER_draw-1.webp"


def test_a_copy_has_only_pictures_that_fit_together() -> None:
    run = make_run("run1")
    large = [replace(output(number), size=9_000_000) for number in range(1, 4)]
    assert [one.number for one in copied_pictures(run, [*large, output(4)])] == [1, 2, 4]
    others = [replace(output(1), mime="video/mp4"), replace(output(2), removed_at=T0)]
    assert copied_pictures(run, others) == ()


@pytest.mark.parametrize("consent", [GalleryConsent(), GalleryConsent(copies=False), GalleryConsent(prompts=True)])
def test_what_is_allowed_is_said(consent: GalleryConsent) -> None:
    check_message(payload(consent_card(consent, [ui.Button(label="Change", custom_id="change")])))


def output(number: int) -> RunOutput:
    return RunOutput(
        run_id="run1",
        number=number,
        name=f"draw-{number}.webp",
        mime="image/webp",
        size=1000,
        width=8,
        height=8,
        message_id=4,
        attachment_id=number,
    )
