"""The custom ids of the library: what they carry fits, and comes back."""

from bot.limits import CUSTOM_ID_CHARS, SEARCH_CHARS
from bot.media.types import MediaKind
from bot.ui.library_items import ALL, LibraryAction, LibraryButton, LibrarySelect, LibrarySelection, LibraryState

LONGEST = LibraryState(flags=frozenset("fhivato"), command="c" * 32, words="w" * SEARCH_CHARS, before=2**31 - 1)


def test_the_longest_state_fits_into_every_custom_id() -> None:
    for action in LibraryAction:
        run_id = "0123456789ab" if action in (LibraryAction.STAR, LibraryAction.UNSTAR) else None
        button = LibraryButton(action, LONGEST, run_id=run_id)
        assert len(button.custom_id) <= CUSTOM_ID_CHARS
    for selection in LibrarySelection:
        assert len(LibrarySelect(selection, LONGEST).custom_id) <= CUSTOM_ID_CHARS


def test_a_state_comes_back_from_its_id() -> None:
    states = [
        LONGEST,
        LibraryState(),
        LibraryState(words="a:b cat", after=7),
        LibraryState(flags=frozenset("iv"), command="draw"),
    ]
    assert [LibraryState.decode(state.encode()) for state in states] == states
    assert states[3].kinds == {MediaKind.IMAGE, MediaKind.VIDEO}


def test_a_forged_state_is_the_whole_library() -> None:
    assert LibraryState.decode("") == LibraryState()
    assert LibraryState.decode("::bx:") == LibraryState()
    assert LibraryState.decode("::b99999999999999999999:") == LibraryState()


def test_other_filters_begin_at_the_first_page() -> None:
    assert LONGEST.from_start(words="") == LibraryState(flags=LONGEST.flags, command=LONGEST.command)


def test_a_choice_of_kind_or_command_takes_the_others_place() -> None:
    state = LibraryState(flags=frozenset("fi"), words="cat", before=9)
    assert state.with_kind("/draw") == LibraryState(flags=frozenset("f"), command="draw", words="cat")
    assert state.with_kind("/draw").with_kind("v") == LibraryState(flags=frozenset("fv"), words="cat")
    assert state.with_kind(ALL).kind_choice == ""
    assert state.with_place("h") == LibraryState(flags=frozenset("hi"), words="cat")
    assert state.with_place("fh").place_flags == frozenset("fh")
    assert state.with_place(ALL).with_kind(ALL) == LibraryState(words="cat")
