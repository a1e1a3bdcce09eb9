"""What can be done next with a result: from the commands, their roles, their schemas and the rights of a person."""

import json
from pathlib import Path
from typing import Any

import pytest

from bot.backends.replicate.types import ModelRef
from bot.catalog.catalog import Command, prepare_command
from bot.catalog.next_actions import (
    NextAction,
    NextOffer,
    asked_fields,
    can_vary,
    choose_seed,
    find_image_commands,
    find_offer,
    find_seed_field,
    find_try_on_command,
    first_offers,
    list_image_offers,
    list_text_offers,
    prefer_command,
    takes_own_pictures,
    vary_values,
)
from bot.catalog.resolve import ResolvedModel
from bot.settings import CommandSpec
from bot.settings.commands import CommandRole
from tests.options.samples import TEXT, URI, each_model

PNG = frozenset({"image/png"})
IMAGE = {**URI, "description": "An image"}
IMAGES_OUT = {"type": "array", "items": URI}
SEED = {"type": "integer", "minimum": 0, "maximum": 2_147_483_647}


def command(
    name: str,
    inputs: dict[str, Any],
    *,
    output: dict[str, Any] = IMAGES_OUT,
    required: tuple[str, ...] = (),
    role: CommandRole | None = None,
    **settings: Any,
) -> Command:
    properties = {key: {**schema, "x-order": order} for order, (key, schema) in enumerate(inputs.items())}
    schemas = {"Input": {"type": "object", "properties": properties, "required": list(required)}, "Output": output}
    target = ModelRef("someone", name, "a" * 64)
    resolved = ResolvedModel(target=target, description="", schema={"components": {"schemas": schemas}})
    return prepare_command(CommandSpec(name=name, target=target, role=role, **settings), resolved)


DRAW = command("draw", {"prompt": TEXT, "seed": SEED}, required=("prompt",))
ENHANCE = command("enhance", {"image": IMAGE}, required=("image",), role=CommandRole.UPSCALE)
RETOUCH = command("retouch", {"image": IMAGE, "prompt": TEXT}, role=CommandRole.EDIT)
DESCRIBE = command("describe", {"image": IMAGE}, output=TEXT, role=CommandRole.DESCRIBE)
COLLAGE = command("collage", {"picture": IMAGE, "prompt": TEXT}, required=("picture",))
ANYTHING = command("anything", {"data": URI})


def values(offers: tuple[NextOffer, ...]) -> list[str]:
    return [offer.value for offer in offers]


def test_offers_go_by_action_then_by_configuration() -> None:
    offers = list_image_offers([COLLAGE, DESCRIBE, DRAW, RETOUCH, ENHANCE], PNG, own=DRAW)
    assert values(offers) == ["vary:draw", "upscale:enhance", "edit:retouch", "describe:describe", "use:collage"]


def test_what_no_command_can_do_is_not_offered() -> None:
    assert values(list_image_offers([DRAW], PNG)) == []
    assert values(list_image_offers([DRAW, ENHANCE], PNG)) == ["upscale:enhance"]


def test_nothing_is_offered_without_an_image() -> None:
    assert list_image_offers([ENHANCE, DRAW], frozenset(), own=DRAW) == ()


def test_a_command_that_a_person_may_not_run_is_not_offered() -> None:
    offers = list_image_offers([ENHANCE, RETOUCH, DRAW], PNG, own=DRAW, may_run=lambda one: one is RETOUCH)
    assert values(offers) == ["edit:retouch"]


def test_two_commands_with_one_role_are_told_apart() -> None:
    other = command("sharpen", {"image": IMAGE}, role=CommandRole.UPSCALE)
    assert [offer.alternatives for offer in list_image_offers([ENHANCE, other, COLLAGE], PNG)] == [True, True, False]


def test_any_file_input_is_offered_only_without_an_image_input() -> None:
    assert values(list_image_offers([ANYTHING], PNG)) == ["use:anything"]
    assert values(list_image_offers([ANYTHING, COLLAGE], PNG)) == ["use:collage"]


@pytest.mark.parametrize(
    ("accept", "mime", "is_offered"),
    [
        ("image/*", "image/avif", True),
        ("image/jpeg", "image/webp", True),  # it is converted
        ("image/svg+xml", "image/png", False),
        ("image/*", "video/mp4", False),
        ("image/*", "image/unheard-of", False),
    ],
)
def test_a_kind_that_an_input_does_not_take_is_not_offered(accept: str, mime: str, *, is_offered: bool) -> None:
    one = command("one", {"image": {**URI, "x-cog-accept": accept}}, role=CommandRole.UPSCALE)
    assert bool(list_image_offers([one], {mime})) is is_offered


def test_one_of_several_kinds_is_enough() -> None:
    assert list_image_offers([ENHANCE], {"image/unheard-of", "image/png"})


def test_25_offers_fill_a_select_and_one_more_goes_behind_it() -> None:
    offers = tuple(NextOffer(NextAction.USE, f"c{number}") for number in range(26))
    assert first_offers(offers[:25]) == (offers[:25], ())
    shown, rest = first_offers(offers)
    assert (len(shown), values(tuple(rest))) == (24, ["use:c24", "use:c25"])


def test_an_offer_is_found_by_its_value() -> None:
    offers = list_image_offers([ENHANCE, RETOUCH], PNG)
    assert find_offer(offers, "edit:retouch") == NextOffer(NextAction.EDIT, "retouch")
    assert find_offer(offers, "edit:removed") is None


def test_a_text_becomes_the_prompt_of_what_makes_files() -> None:
    chat = command("chat", {"prompt": TEXT}, output=TEXT)
    assert values(list_text_offers([DRAW, chat, RETOUCH, DESCRIBE, COLLAGE])) == ["prompt:draw", "prompt:collage"]


# Vary


@pytest.mark.parametrize(
    ("inputs", "varies", "takes_picture"),
    [
        ({"prompt": TEXT, "seed": SEED}, True, False),
        ({"prompt": TEXT, "Seed": SEED, "image": IMAGE}, True, False),
        ({"prompt": TEXT, "image": IMAGE, "prompt_strength": {"type": "number"}}, True, True),
        ({"prompt": TEXT, "image": IMAGE, "strength": {"type": "number"}, "seed": SEED}, True, True),
        ({"prompt": TEXT, "lora_strength": {"type": "number"}, "image": IMAGE}, False, False),
        ({"prompt": TEXT, "seed": TEXT}, False, False),
        ({"prompt": TEXT}, False, False),
    ],
)
def test_vary_needs_a_seed_or_a_picture_with_a_strength(
    inputs: dict[str, Any], *, varies: bool, takes_picture: bool
) -> None:
    layout = command("one", inputs).layout
    assert (can_vary(layout), takes_own_pictures(layout)) == (varies, takes_picture)


def test_a_hidden_seed_is_not_set() -> None:
    assert not can_vary(command("one", {"prompt": TEXT, "seed": SEED}, hidden=("seed",)).layout)


@pytest.mark.parametrize(
    ("bounds", "drawn", "seed"),
    [
        ({}, 0, 0),
        ({}, 2**31 - 1, 2**31 - 1),
        ({"minimum": 5, "maximum": 9}, 0, 5),
        ({"minimum": 5, "maximum": 9}, 4, 9),
        ({"minimum": -1, "maximum": 9}, 0, 0),  # -1 stands for "random"
        ({"minimum": -9, "maximum": -3}, 0, -3),
        ({"minimum": 2**40}, 0, 2**40),
    ],
)
def test_a_new_seed_is_within_the_bounds(bounds: dict[str, int], drawn: int, seed: int) -> None:
    field = find_seed_field(command("one", {"seed": {"type": "integer", **bounds}}).layout)
    assert field is not None
    limits: list[int] = []

    def draw(limit: int) -> int:
        limits.append(limit)
        return min(drawn, limit - 1)

    assert choose_seed(field, draw) == seed
    assert limits[0] >= 1


def test_a_variation_keeps_everything_but_seed_and_picture() -> None:
    layout = command("one", {"prompt": TEXT, "image": IMAGE, "strength": {"type": "number"}, "seed": SEED}).layout
    given = {"prompt": "a fox", "strength": 0.4, "seed": 1, "image": "old"}
    assert vary_values(layout, given, "new", draw=lambda _: 7) == {**given, "seed": 7, "image": "new"}
    assert vary_values(DRAW.layout, {"prompt": "a fox"}, None, draw=lambda _: 7) == {"prompt": "a fox", "seed": 7}


# What has to be asked


@pytest.mark.parametrize(
    ("one", "action", "asked"),
    [
        (ENHANCE, NextAction.UPSCALE, ()),
        (RETOUCH, NextAction.EDIT, ("prompt",)),  # though the model does not need it
        (COLLAGE, NextAction.USE, ("prompt",)),
        (command("a", {"image": IMAGE, "motion": TEXT}, required=("motion",)), NextAction.ANIMATE, ("motion",)),
        (command("f", {"swap": IMAGE, "target": IMAGE}, required=("swap", "target")), NextAction.UPSCALE, ("target",)),
        (
            command("d", {"image": IMAGE, "prompt": TEXT}, required=("prompt",), defaults={"prompt": "What is it?"}),
            NextAction.DESCRIBE,
            (),
        ),
    ],
    ids=lambda value: value.name if isinstance(value, Command) else None,
)
def test_only_what_is_missing_is_asked(one: Command, action: NextAction, asked: tuple[str, ...]) -> None:
    assert asked_fields(one, action, (one.layout.image_field or "",)) == asked


def test_a_mask_is_not_the_image() -> None:
    assert command("one", {"mask": IMAGE, "image": IMAGE}).layout.image_field == "image"
    assert command("one", {"mask": IMAGE}).layout.image_field == "mask"


# The real models, none of which has a role


def real_command(path: Path, role: CommandRole | None = None) -> Command:
    payload = json.loads(path.read_text("utf-8"))
    target = ModelRef(payload["owner"], payload["name"], "a" * 64)
    schema = payload["latest_version"]["openapi_schema"]
    spec = CommandSpec(name="real", target=target, role=role)
    return prepare_command(spec, ResolvedModel(target=target, description="", schema=schema))


VARIED = {
    "black-forest-labs_flux-1.1-pro", "black-forest-labs_flux-schnell", "fofr_consistent-character",
    "fofr_face-to-many", "ideogram-ai_ideogram-v2", "philz1337x_clarity-upscaler", "stability-ai_sdxl",
}  # fmt: skip
FROM_PICTURES = {"fofr_face-to-many", "stability-ai_sdxl"}
TAKING_IMAGES = {
    "fofr_consistent-character": "subject",
    "fofr_face-to-many": "image",
    "ideogram-ai_ideogram-v2": "image",
    "lucataco_moondream2": "image",
    "omniedgeio_face-swap": "target_image",
    "philz1337x_clarity-upscaler": "image",
    "salesforce_blip": "image",
    "smoretalk_rembg-enhance": "image",
    "snowflake_snowflake-arctic-instruct": "name_file",  # takes any file
    "stability-ai_sdxl": "image",
    "yorickvp_llava-13b": "image",
}
DESCRIBING = {
    "lucataco_moondream2", "salesforce_blip", "snowflake_snowflake-arctic-instruct", "yorickvp_llava-13b",
}  # fmt: skip


@each_model
def test_a_real_model_is_offered_as_far_as_its_schema_allows(path: Path) -> None:
    one, stem = real_command(path), path.stem
    has_pictures = stem in VARIED or stem in {"fofr_sd3-with-chaos", "recraft-ai_recraft-v3"}
    offers = list_image_offers([one], PNG, own=one if has_pictures else None)
    expected = [f"{action}:real" for action, models in (("vary", VARIED), ("use", TAKING_IMAGES)) if stem in models]
    assert values(offers) == expected
    assert (takes_own_pictures(one.layout) and has_pictures) is (stem in FROM_PICTURES)
    if stem in TAKING_IMAGES:
        assert one.layout.image_field == TAKING_IMAGES[stem]
        assert find_image_commands([one]) == [one]


@each_model
@pytest.mark.parametrize("role", CommandRole)
def test_a_real_model_takes_the_roles_that_its_schema_allows(path: Path, role: CommandRole) -> None:
    one, stem = real_command(path, role), path.stem
    returns_text = stem in DESCRIBING
    has_prompt = one.layout.prompt_field is not None
    fits = (
        stem in TAKING_IMAGES
        and returns_text is (role is CommandRole.DESCRIBE)
        and (role is not CommandRole.EDIT or has_prompt)
    )
    assert (one.role is role) is fits
    assert bool(one.problems) is not fits


@pytest.mark.parametrize(
    ("chosen", "left"), [("second", ["second"]), ("draw", ["first", "second"]), (None, ["first", "second"])]
)
def test_a_preferred_command_is_the_only_one(chosen: str | None, left: list[str]) -> None:
    offers = [NextOffer(NextAction.UPSCALE, name) for name in ("first", "second")]
    assert [offer.command for offer in prefer_command(offers, chosen)] == left


@pytest.mark.parametrize(
    ("own", "preferred", "found"),
    [
        (DRAW, None, "retouch"),
        (DRAW, "collage", "collage"),
        (COLLAGE, "retouch", "collage"),
        (DRAW, "describe", "retouch"),
        (None, "enhance", "retouch"),
    ],
)
def test_trying_on_takes_the_model_then_a_preferred_one(own: Command | None, preferred: str | None, found: str) -> None:
    command = find_try_on_command([DRAW, ENHANCE, COLLAGE, DESCRIBE, RETOUCH], own=own, preferred=preferred)
    assert command is not None
    assert command.name == found
