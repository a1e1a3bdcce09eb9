"""Which results may be copied into a gallery."""

import pytest

from bot.ui.gallery_keeper import ChannelFacts, CopyRefusal, decide_copy
from bot.visibility import Visibility

OPEN = ChannelFacts(id=1, is_age_restricted=False, is_open=True)
GALLERY = ChannelFacts(id=2, is_age_restricted=False, is_open=True)
ADULT = ChannelFacts(id=3, is_age_restricted=True, is_open=True)
CLOSED = ChannelFacts(id=4, is_age_restricted=False, is_open=False)


@pytest.mark.parametrize(
    ("source", "target", "visibility", "refusal"),
    [
        (OPEN, GALLERY, Visibility.PUBLIC, None),
        (OPEN, GALLERY, Visibility.SPOILER, None),
        (OPEN, GALLERY, Visibility.PRIVATE, CopyRefusal.PRIVATE),
        (OPEN, OPEN, Visibility.PUBLIC, CopyRefusal.SAME_CHANNEL),
        (ADULT, GALLERY, Visibility.PUBLIC, CopyRefusal.AGE_RESTRICTED),
        (
            ADULT,
            ChannelFacts(id=9, is_age_restricted=True, is_open=True),
            Visibility.PUBLIC,
            CopyRefusal.AGE_RESTRICTED,
        ),
        (OPEN, ADULT, Visibility.PUBLIC, None),
        (CLOSED, GALLERY, Visibility.PUBLIC, CopyRefusal.MORE_READERS),
        (OPEN, CLOSED, Visibility.PUBLIC, None),
        (CLOSED, ChannelFacts(id=9, is_age_restricted=False, is_open=False), Visibility.PUBLIC, None),
    ],
)
def test_nothing_is_shown_to_more_or_younger_people(
    source: ChannelFacts, target: ChannelFacts, visibility: Visibility, refusal: CopyRefusal | None
) -> None:
    assert decide_copy(source, target, visibility) is refusal
