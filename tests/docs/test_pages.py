"""What the pages say of the program is what the program says of itself."""

import ast
import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from bot.invites import NEEDED, PERMISSIONS, server_invite, user_invite
from bot.observability.metrics import Metrics
from bot.settings import Settings
from bot.settings.docs import env_example, table
from tests.docs.pages import PAGES, ROOT, anchors, blocks, links

README = (ROOT / "README.md").read_text()
SETTINGS = (ROOT / "docs" / "settings.md").read_text()
OPERATING = (ROOT / "docs" / "operating.md").read_text()
HOW_IT_WORKS = (ROOT / "docs" / "how-it-works.md").read_text()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_internal_links_resolve(page: Path) -> None:
    for link in links(page):
        parts = urlsplit(link)
        if parts.scheme:
            continue
        target = (page.parent / parts.path).resolve() if parts.path else page
        if target.suffix == "" and target.with_name(f"{target.name}.md").exists():
            target = target.with_name(f"{target.name}.md")
        assert target.exists(), f"{page.name} links {link}"
        if parts.fragment:
            assert parts.fragment in anchors(target), f"{page.name} links {link}"


def test_the_settings_table_is_up_to_date() -> None:
    shown = SETTINGS.partition("a test keeps it up to date -->\n")[2].partition("<!-- /settings -->")[0]
    assert shown.strip() == table().strip(), "run: python -m bot.settings.docs"


def test_the_env_example_is_up_to_date() -> None:
    assert (ROOT / ".env.example").read_text() == env_example(), "run: python -m bot.settings.docs"


def test_the_env_example_needs_only_two_tokens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)
    filled = env_example().replace("DISCORD_TOKEN=\n", "DISCORD_TOKEN=d.d.d\n", 1)
    (tmp_path / ".env").write_text(filled.replace("REPLICATE_API_TOKEN=\n", "REPLICATE_API_TOKEN=r\n", 1))
    assert Settings.load() == Settings.load(discord_token="d.d.d", replicate_api_token="r", _env_file=None)


def test_the_invite_url_requests_the_needed_permissions() -> None:
    shown = [block.strip() for block in blocks(ROOT / "README.md", "text") if "oauth2" in block]
    made = [make(1).replace("client_id=1", "client_id=YOUR_APPLICATION_ID") for make in (server_invite, user_invite)]
    assert shown == made
    assert parse_qs(urlsplit(shown[0]).query)["permissions"] == [str(PERMISSIONS.value)]


def test_the_permission_number_is_explained() -> None:
    rows = dict(re.findall(r"^\| ([A-Z][\w ]+?) \| .* \| (\d+) \|$", OPERATING, re.MULTILINE))
    assert set(rows) == set(NEEDED.values())
    assert sum(map(int, rows.values())) == PERMISSIONS.value


def exposed() -> set[str]:
    """Return every name that a query can ask the bot for."""
    names: set[str] = set()
    for metric in Metrics(version="1").registry.collect():
        endings = {
            "counter": ("_total",), "histogram": ("_bucket", "_sum", "_count", ""), "info": ("_info",),
        }.get(metric.type, ("",))  # fmt: skip
        names |= {f"{metric.name}{ending}" for ending in endings}
    return names


@pytest.mark.parametrize("page", ["docs/grafana.json", "docs/operating.md"])
def test_every_documented_metric_exists(page: str) -> None:
    named = set(re.findall(r"\b(?:replicord|process)_[a-z_]+\b", (ROOT / page).read_text()))
    assert len(named) > 20
    assert named - exposed() - {"replicord_api_token"} == set()


def test_every_metric_is_documented_and_charted() -> None:
    for name in exposed():
        if name.startswith("replicord_") and not name.endswith(("_bucket", "_sum", "_count")):
            assert name in OPERATING, f"{name} is not in operating.md"
            assert name in (ROOT / "docs" / "grafana.json").read_text(), f"{name} is not on the dashboard"


def test_every_documented_setting_exists() -> None:
    known = {name.upper() for name in Settings.model_fields}
    for page in PAGES:
        named = set(re.findall(r"`([A-Z]+(?:_[A-Z]+)+)`", page.read_text()))
        assert {name for name in named if name.startswith(("KEEP_", "HTTP_", "RUN", "LOG_", "COMMAND"))} <= known


def test_documented_retention_defaults_are_correct() -> None:
    told = dict(re.findall(r"`(KEEP_\w+)`, (\d+) days?", OPERATING))
    assert {name: int(days) for name, days in told.items()} == {
        name.upper(): Settings.model_fields[name].default.days for name in ("keep_prompts", "keep_files", "keep_runs")
    }


def test_the_way_of_a_run_is_in_the_code() -> None:
    rows = re.findall(r"^\| [^|]+ \| (`[^|]+`) \| (`[^|]+`) \|$", HOW_IT_WORKS, re.MULTILINE)
    assert len(rows) >= 15
    for functions, files in rows:
        defined: set[str] = set()
        for file in re.findall(r"`([^`]+)`", files):
            for node in ast.parse((ROOT / file).read_text()).body:
                own = [node, *(node.body if isinstance(node, ast.ClassDef) else ())]
                names = [
                    one.name for one in own if isinstance(one, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
                ]
                defined |= {names[0], *(f"{names[0]}.{name}" for name in names[1:])} if names else set()
        assert set(re.findall(r"`([^`]+)`", functions)) <= defined, f"{functions} in {files}"
