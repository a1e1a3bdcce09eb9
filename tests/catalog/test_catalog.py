"""Which commands exist, across starts, additions, removals and newer versions."""

from dataclasses import replace

import pytest

from bot.backends.replicate.types import ModelRef
from bot.catalog.catalog import ANY_MODEL
from bot.catalog.resolve import ReplicateUnavailable, UnknownModel
from bot.errors import Refused
from bot.limits import GLOBAL_COMMANDS
from bot.settings import CommandSpec
from bot.settings.commands import RESERVED_NAMES
from bot.store.store import Store
from sandbox.replicate.standin import ReplicateStandIn
from tests.catalog.conftest import MakeCatalog, Release

STEPS = {"type": "integer", "minimum": 1, "maximum": 50, "default": 20, "x-order": 1}
PROMPT = {"type": "string", "default": "", "x-order": 0}
MODEL = ModelRef("somebody", "maker")


def spec(name: str, target: str, **more: object) -> CommandSpec:
    return CommandSpec(name=name, target=ModelRef.parse(target), **more)  # type: ignore[arg-type]  # the test's choice


async def test_commands_are_in_the_order_of_the_configuration(make: MakeCatalog, release: Release) -> None:
    for name in ("one", "two", "three"):
        release(name, "a", {"prompt": PROMPT})
    catalog = make([spec(name, f"somebody/{name}") for name in ("two", "three", "one")])
    assert await catalog.load() == ()
    assert [command.name for command in catalog] == ["two", "three", "one"]


async def test_community_model_is_pinned_and_official_is_not(make: MakeCatalog, release: Release) -> None:
    release("maker", "a", {"prompt": PROMPT})
    release("house", "b", {"prompt": PROMPT}, official=True)
    catalog = make()
    assert (await catalog.add("maker", MODEL, by=1)).target.version == "a" * 64
    assert (await catalog.add("house", ModelRef("somebody", "house"), by=1)).target.version is None


async def test_deployment_has_the_inputs_of_its_version(make: MakeCatalog) -> None:
    command = await make().add("mine", ModelRef("sandbox", "portraits", deployment=True), by=1)
    assert command.layout.option("subject") is not None
    assert str(command.target) == "deployments/sandbox/portraits"


async def test_added_command_keeps_its_version_after_a_start(make: MakeCatalog, release: Release) -> None:
    release("maker", "a", {"prompt": PROMPT})
    await make().add("make", MODEL, by=1)
    release("maker", "b", {"prompt": PROMPT, "steps": STEPS})
    later = make()
    assert await later.load() == ()
    command = later.get("make")
    assert command is not None
    assert command.added
    assert command.target.version == "a" * 64
    assert command.layout.field("steps") is None


async def test_start_without_replicate_uses_the_cache(
    make: MakeCatalog, release: Release, replicate_server: ReplicateStandIn
) -> None:
    release("pinned", "a", {"prompt": PROMPT})
    release("house", "b", {"prompt": PROMPT}, official=True)
    specs = [spec("loose", "somebody/pinned"), spec("house", "somebody/house")]
    before = make(specs)
    await before.load()
    await before.add("added", ModelRef("somebody", "pinned"), by=1)
    await replicate_server.go_offline()
    later = make([*specs, spec("new", "somebody/never-seen")])
    assert await later.load() == ("new",)
    assert [command.name for command in later] == ["loose", "house", "added"]
    assert [str(command.target) for command in later] == [str(command.target) for command in before]
    await replicate_server.come_online()
    release("never-seen", "c", {"prompt": PROMPT})
    assert await later.load() == ()
    assert [command.name for command in later] == ["loose", "house", "new", "added"]


async def test_unknown_model_does_not_affect_other_commands(make: MakeCatalog, release: Release) -> None:
    release("maker", "a", {"prompt": PROMPT})
    catalog = make([spec("gone", "somebody/nothing"), spec("make", "somebody/maker")])
    assert await catalog.load() == ()
    assert [command.name for command in catalog] == ["make"]


@pytest.mark.parametrize("name", ["run", "models", "Upper", "two words", "x" * 33, ""])
async def test_reserved_or_invalid_name_is_refused(make: MakeCatalog, release: Release, name: str) -> None:
    release("maker", "a", {"prompt": PROMPT})
    catalog = make()
    with pytest.raises(Refused):
        await catalog.add(name, MODEL, by=1)
    assert not list(catalog)


async def test_failed_addition_says_why(
    make: MakeCatalog, release: Release, replicate_server: ReplicateStandIn
) -> None:
    release("maker", "a", {"prompt": PROMPT})
    catalog = make([spec("make", "somebody/maker")])
    await catalog.load()
    with pytest.raises(Refused, match="/make already exists"):
        await catalog.add("make", MODEL, by=1)
    with pytest.raises(UnknownModel, match="somebody/nothing"):
        await catalog.add("other", ModelRef("somebody", "nothing"), by=1)
    replicate_server.token = "another"
    with pytest.raises(ReplicateUnavailable, match="token"):
        await catalog.add("other", ModelRef("somebody", "else"), by=1)


async def test_commands_never_exceed_discords_limit(make: MakeCatalog, release: Release) -> None:
    release("maker", "a", {"prompt": PROMPT})
    free = GLOBAL_COMMANDS - len(RESERVED_NAMES)
    catalog = make([spec(f"make{number}", "somebody/maker") for number in range(free - 1)])
    await catalog.load()
    await catalog.add("one", MODEL, by=1)
    with pytest.raises(Refused, match="Remove one first"):
        await catalog.add("two", MODEL, by=1)


async def test_removed_command_stays_removed(make: MakeCatalog, release: Release) -> None:
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


async def test_an_added_command_gives_way_to_one_of_the_bots_own(
    make: MakeCatalog, release: Release, store: Store
) -> None:
    release("maker", "a", {"prompt": PROMPT})
    await make().add("make", MODEL, by=1)
    [row] = await store.commands.list_all()
    await store.commands.save(replace(row, name="library"))  # as a version before the library could
    catalog = make()
    assert await catalog.load() == ()
    assert [command.name for command in catalog] == ["make"]
    await catalog.remove("library")
    assert [row.name for row in await store.commands.list_all()] == ["make"]


async def test_command_of_a_deleted_model_can_be_removed(make: MakeCatalog, store: Store) -> None:
    catalog = make()
    await catalog.add("talk", ModelRef("meta", "meta-llama-3-8b-instruct"), by=1)
    [row] = await store.commands.list_all()
    later = make()  # as after a start that did not find its model
    await later.remove(row.name)
    assert await store.commands.list_all() == ()


async def test_newer_version_is_used_only_after_the_update(make: MakeCatalog, release: Release) -> None:
    release("maker", "a", {"prompt": PROMPT})
    catalog = make()
    old = await catalog.add("make", MODEL, by=1)
    release("maker", "b", {"prompt": PROMPT, "steps": STEPS})
    new = await catalog.build_latest("make")
    assert new.target.version == "b" * 64
    assert catalog.get("make") is old
    await catalog.update(new, by=2)
    assert catalog.get("make") is new
    later = make()
    await later.load()
    command = later.get("make")
    assert command is not None
    assert command.layout.field("steps") is not None


async def test_configured_limits_defaults_and_hidden_apply(make: MakeCatalog, release: Release) -> None:
    release("maker", "a", {"prompt": PROMPT, "steps": STEPS, "secret_sauce": PROMPT})
    one = spec("make", "somebody/maker", limits={"steps": 10}, defaults={"prompt": "tea"}, hidden=("secret_sauce",))
    catalog = make([one])
    await catalog.load()
    command = catalog.get("make")
    assert command is not None
    steps = command.layout.option("steps")
    assert steps is not None
    assert steps.maximum == 10
    assert command.layout.field("secret_sauce") is None
    assert command.layout.defaults["prompt"] == "tea"
    assert command.layout.defaults["steps"] == 10, "the model's own default is above the limit"


async def test_any_model_is_resolved_once_and_not_added(
    make: MakeCatalog, release: Release, replicate_server: ReplicateStandIn
) -> None:
    release("maker", "a", {"prompt": PROMPT})
    catalog = make()
    command = await catalog.resolve_model(MODEL)
    requests = len(replicate_server.calls)
    assert await catalog.resolve_model(MODEL) is command
    assert len(replicate_server.calls) == requests
    assert command.name == ANY_MODEL
    assert command.target.version == "a" * 64
    assert not list(catalog)


async def test_load_keeps_commands_added_meanwhile(make: MakeCatalog, release: Release) -> None:
    release("maker", "a", {"prompt": PROMPT})
    catalog = make([spec("slow", "somebody/maker")])
    await catalog.add("make", MODEL, by=1)
    await catalog.load()
    assert [command.name for command in catalog] == ["slow", "make"]


async def test_summary_is_that_of_the_model(make: MakeCatalog, release: Release) -> None:
    release("maker", "a", {"prompt": PROMPT})
    summary = await make().get_model_summary(MODEL)
    assert (summary.model, summary.run_count, summary.cover_url) == (
        "somebody/maker",
        12345,
        "https://example.com/cover.webp",
    )
