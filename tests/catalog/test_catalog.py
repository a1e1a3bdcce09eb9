"""Which commands there are, over starts, additions, removals and newer versions."""

import pytest

from bot.backends.replicate.types import ModelRef
from bot.catalog.catalog import ANY_MODEL
from bot.catalog.resolve import ReplicateUnavailable, UnknownModel
from bot.errors import Refused
from bot.limits import GLOBAL_COMMANDS
from bot.settings import CommandSpec
from bot.store.store import Store
from sandbox.replicate.standin import ReplicateStandIn
from tests.catalog.conftest import MakeCatalog, Release

STEPS = {"type": "integer", "minimum": 1, "maximum": 50, "default": 20, "x-order": 1}
PROMPT = {"type": "string", "default": "", "x-order": 0}
MODEL = ModelRef("somebody", "maker")


def spec(name: str, target: str, **more: object) -> CommandSpec:
    return CommandSpec(name=name, target=ModelRef.parse(target), **more)  # type: ignore[arg-type]  # the test's choice


async def test_the_order_of_the_configuration_is_the_order_of_the_commands(make: MakeCatalog, release: Release) -> None:
    for name in ("one", "two", "three"):
        release(name, "a", {"prompt": PROMPT})
    catalog = make([spec(name, f"somebody/{name}") for name in ("two", "three", "one")])
    assert await catalog.load() == ()
    assert [command.name for command in catalog] == ["two", "three", "one"]


async def test_a_community_model_is_pinned_and_an_official_one_is_not(make: MakeCatalog, release: Release) -> None:
    release("maker", "a", {"prompt": PROMPT})
    release("house", "b", {"prompt": PROMPT}, official=True)
    catalog = make()
    assert (await catalog.add("maker", MODEL, by=1)).target.version == "a" * 64
    assert (await catalog.add("house", ModelRef("somebody", "house"), by=1)).target.version is None


async def test_a_deployment_has_the_inputs_of_the_version_that_it_runs(make: MakeCatalog) -> None:
    command = await make().add("mine", ModelRef("sandbox", "portraits", deployment=True), by=1)
    assert command.plan.option("subject") is not None
    assert str(command.target) == "deployments/sandbox/portraits"


async def test_an_added_command_is_there_after_a_start_as_it_was_pinned(make: MakeCatalog, release: Release) -> None:
    release("maker", "a", {"prompt": PROMPT})
    await make().add("make", MODEL, by=1)
    release("maker", "b", {"prompt": PROMPT, "steps": STEPS})
    later = make()
    assert await later.load() == ()
    command = later.get("make")
    assert command is not None
    assert command.added
    assert command.target.version == "a" * 64
    assert command.plan.field("steps") is None


async def test_a_start_without_replicate_has_every_command_that_it_had(
    make: MakeCatalog, release: Release, far_end: ReplicateStandIn
) -> None:
    release("pinned", "a", {"prompt": PROMPT})
    release("house", "b", {"prompt": PROMPT}, official=True)
    specs = [spec("loose", "somebody/pinned"), spec("house", "somebody/house")]
    before = make(specs)
    await before.load()
    await before.add("added", ModelRef("somebody", "pinned"), by=1)
    await far_end.go_offline()
    later = make([*specs, spec("new", "somebody/never-seen")])
    assert await later.load() == ("new",)
    assert [command.name for command in later] == ["loose", "house", "added"]
    assert [str(command.target) for command in later] == [str(command.target) for command in before]
    await far_end.come_online()
    release("never-seen", "c", {"prompt": PROMPT})
    assert await later.load() == ()
    assert [command.name for command in later] == ["loose", "house", "new", "added"]


async def test_a_model_that_replicate_does_not_know_does_not_keep_the_others_away(
    make: MakeCatalog, release: Release
) -> None:
    release("maker", "a", {"prompt": PROMPT})
    catalog = make([spec("gone", "somebody/nothing"), spec("make", "somebody/maker")])
    assert await catalog.load() == ()
    assert [command.name for command in catalog] == ["make"]


@pytest.mark.parametrize("name", ["run", "models", "Upper", "two words", "x" * 33, ""])
async def test_names_that_discord_or_the_bot_needs_are_refused(make: MakeCatalog, release: Release, name: str) -> None:
    release("maker", "a", {"prompt": PROMPT})
    catalog = make()
    with pytest.raises(Refused):
        await catalog.add(name, MODEL, by=1)
    assert not list(catalog)


async def test_what_cannot_be_added_says_why(make: MakeCatalog, release: Release, far_end: ReplicateStandIn) -> None:
    release("maker", "a", {"prompt": PROMPT})
    catalog = make([spec("make", "somebody/maker")])
    await catalog.load()
    with pytest.raises(Refused, match="There is a /make already"):
        await catalog.add("make", MODEL, by=1)
    with pytest.raises(UnknownModel, match="somebody/nothing"):
        await catalog.add("other", ModelRef("somebody", "nothing"), by=1)
    far_end.token = "another"
    with pytest.raises(ReplicateUnavailable, match="token"):
        await catalog.add("other", ModelRef("somebody", "else"), by=1)


async def test_there_are_never_more_commands_than_discord_takes(make: MakeCatalog, release: Release) -> None:
    release("maker", "a", {"prompt": PROMPT})
    catalog = make([spec(f"make{number}", "somebody/maker") for number in range(GLOBAL_COMMANDS - 6)])
    await catalog.load()
    await catalog.add("one", MODEL, by=1)
    with pytest.raises(Refused, match="Remove one first"):
        await catalog.add("two", MODEL, by=1)


async def test_removed_is_removed_for_good_and_configured_stays(make: MakeCatalog, release: Release) -> None:
    release("maker", "a", {"prompt": PROMPT})
    catalog = make([spec("fixed", "somebody/maker")])
    await catalog.load()
    await catalog.add("make", MODEL, by=1)
    await catalog.remove("make")
    for name in ("fixed", "make", "never"):
        with pytest.raises(Refused):
            await catalog.remove(name)
    later = make([spec("fixed", "somebody/maker")])
    await later.load()
    assert [command.name for command in later] == ["fixed"]


async def test_an_added_command_whose_model_is_gone_can_still_be_removed(make: MakeCatalog, store: Store) -> None:
    catalog = make()
    await catalog.add("talk", ModelRef("meta", "meta-llama-3-8b-instruct"), by=1)
    [row] = await store.commands.list_all()
    later = make()  # as if its model had never been found at this start
    await later.remove(row.name)
    assert await store.commands.list_all() == ()


async def test_a_newer_version_is_used_only_after_the_switch(make: MakeCatalog, release: Release) -> None:
    release("maker", "a", {"prompt": PROMPT})
    catalog = make()
    old = await catalog.add("make", MODEL, by=1)
    release("maker", "b", {"prompt": PROMPT, "steps": STEPS})
    new = await catalog.newest("make")
    assert new.target.version == "b" * 64
    assert catalog.get("make") is old
    await catalog.switch(new, by=2)
    assert catalog.get("make") is new
    later = make()
    await later.load()
    command = later.get("make")
    assert command is not None
    assert command.plan.field("steps") is not None


async def test_configured_limits_defaults_and_hidden_inputs_hold(make: MakeCatalog, release: Release) -> None:
    release("maker", "a", {"prompt": PROMPT, "steps": STEPS, "secret_sauce": PROMPT})
    one = spec("make", "somebody/maker", limits={"steps": 10}, defaults={"prompt": "tea"}, hidden=("secret_sauce",))
    catalog = make([one])
    await catalog.load()
    command = catalog.get("make")
    assert command is not None
    steps = command.plan.option("steps")
    assert steps is not None
    assert steps.maximum == 10
    assert command.plan.field("secret_sauce") is None
    assert command.plan.defaults["prompt"] == "tea"
    assert command.plan.defaults["steps"] == 10, "the model's own default is above the limit"


async def test_any_model_is_resolved_without_becoming_a_command_and_asked_for_once(
    make: MakeCatalog, release: Release, far_end: ReplicateStandIn
) -> None:
    release("maker", "a", {"prompt": PROMPT})
    catalog = make()
    command = await catalog.resolve(MODEL)
    asked = len(far_end.calls)
    assert await catalog.resolve(MODEL) is command
    assert len(far_end.calls) == asked
    assert command.name == ANY_MODEL
    assert command.target.version == "a" * 64
    assert not list(catalog)


async def test_a_model_added_while_missing_ones_are_looked_for_is_kept(make: MakeCatalog, release: Release) -> None:
    release("maker", "a", {"prompt": PROMPT})
    catalog = make([spec("slow", "somebody/maker")])
    await catalog.add("make", MODEL, by=1)
    await catalog.load()
    assert [command.name for command in catalog] == ["slow", "make"]


async def test_a_listing_tells_what_the_models_page_does(make: MakeCatalog, release: Release) -> None:
    release("maker", "a", {"prompt": PROMPT})
    listing = await make().listing(MODEL)
    assert (listing.model, listing.run_count, listing.cover) == (
        "somebody/maker",
        12345,
        "https://example.com/cover.webp",
    )
