"""Sample characters."""

from bot.characters.names import make_key
from bot.media.types import JPEG, CharacterPicture
from bot.store.characters import Character
from tests.store.samples import MIA, T0


def make_character(name: str, *, description: str = "", pictures: int = 1, owner_id: int = MIA) -> Character:
    character_id = f"id-{make_key(name)}"
    return Character(
        id=character_id,
        owner_id=owner_id,
        owner_name="mia",
        name=name,
        key=make_key(name),
        description=description,
        created_at=T0,
        pictures=tuple(
            CharacterPicture(f"{number}.jpg", JPEG, 1000, character_id, name, number) for number in range(pictures)
        ),
    )
