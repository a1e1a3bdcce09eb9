"""What all tests share."""

import gc
import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

import tests.bytecode  # noqa: F401  # before all that it is for

# isort: split
from tests.imports import import_tests
from tests.logs import configure_logs
from tests.postgresql import PostgresqlServer, run_server
from tests.schedule import Schedule, rank
from tests.store.databases import create_database, empty_folder

# The state machines and property tests run often with few examples; `thorough` is for a look by hand.
settings.register_profile("default", deadline=None, max_examples=100)
settings.register_profile("thorough", deadline=None, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

configure_logs()

# A test's id goes from process to process with every report, and into an environment variable.
_ID_CHARS = 80


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgresqlServer]:
    with run_server() as server:
        yield server


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Schedule:
    return Schedule(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """Keep what is imported and collected out of the garbage collector's sight: it stays, and each look takes a second.

    That is two thirds of the time of collecting, in every worker, and a pause now and then in the tests after it.
    """
    gc.disable()
    try:
        import_tests(session.config)
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_make_parametrize_id(val: object) -> str | None:
    """Shorten the ids of long texts."""
    if not isinstance(val, str | bytes) or len(val) <= _ID_CHARS:
        return None
    begin = val[:_ID_CHARS] if isinstance(val, str) else val[:_ID_CHARS].decode("latin-1")
    return f"{begin}... of {len(val)}".encode("unicode_escape").decode("ascii")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: rank(item.nodeid))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run every test that uses a database on both kinds, or on those that its mark names."""
    if "backend" in metafunc.fixturenames:
        mark = metafunc.definition.get_closest_marker("backends")
        metafunc.parametrize("backend", mark.args if mark else ("sqlite", "postgresql"))


@pytest.fixture
def database_folder() -> Path:
    """An empty folder, where ``created_url`` puts an SQLite database."""
    return empty_folder()


@pytest.fixture
def created_url(database_folder: Path, backend: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a migrated database without rows."""
    if backend == "sqlite":
        yield create_database(database_folder)
        return
    server: PostgresqlServer = request.getfixturevalue("postgresql_server")
    url = server.create_database(migrated=True)
    yield url
    server.drop_database(url)
