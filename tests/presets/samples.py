"""Sample presets."""

from dataclasses import replace
from typing import Any

from bot.store.presets import Preset
from tests.store.samples import MIA, T0


def make_preset(name: str = "Water", **changes: Any) -> Preset:
    preset = Preset(
        id=f"id-{name}",
        owner_id=MIA,
        owner_name="mia",
        name=name,
        key=name.lower(),
        command="draw",
        target="owner/model",
        template="{prompt}, watercolor",
        fixed={"seed": 7},
        asked=("style",),
        created_at=T0,
        shares={},
    )
    return replace(preset, **changes)
