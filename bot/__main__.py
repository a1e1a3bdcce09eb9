"""The command line, and the only place that decides an exit code.

Exit codes: 0 done; 1 something failed that a log explains; 2 the settings or the environment need a person.
"""

import argparse
import asyncio
import sys
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

from bot.errors import ConfigError

_DONE, _FAILED, _MISCONFIGURED = 0, 1, 2
_PORT_MAX = 65_535
_PORTRAIT = Path()  # what --demo without a file stands for


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return the exit code."""
    parsed = _parser().parse_args(arguments)
    try:
        return int(parsed.command(parsed))
    except ConfigError as error:
        sys.stderr.write(f"{error.sentence}\n")
        return _MISCONFIGURED
    except KeyboardInterrupt:
        return _FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="replicord", description="Any Replicate model behind a slash command.")
    parser.set_defaults(command=_run)
    commands = parser.add_subparsers(title="commands", metavar="{run,sandbox,check,backup,migrate-data}")

    run = commands.add_parser("run", help="connect to Discord and serve (the default)")
    run.set_defaults(command=_run)

    sandbox = commands.add_parser("sandbox", help="try the whole bot against stand-ins, without accounts")
    sandbox.add_argument(
        "--demo", nargs="?", const=_PORTRAIT, type=_path, metavar="IMAGE", help="play two runs in the terminal and exit"
    )
    sandbox.add_argument("--out", type=_path, default=Path("sandbox-pictures"), help="where the demo saves its images")
    sandbox.add_argument("--port", type=_port, default=0, help="port of the page on 127.0.0.1 (default: a free one)")
    sandbox.add_argument("--no-browser", action="store_true", help="do not open the page")
    sandbox.add_argument(
        "--data", type=_path, metavar="FOLDER", help="store the runs here (default: a temporary folder)"
    )
    sandbox.add_argument(
        "--cog", action="store_true", help="with models on real Cog servers of your own (pip install cog coglet)"
    )
    sandbox.set_defaults(command=_sandbox)

    check = commands.add_parser("check", help="check the settings, the database and both services")
    check.add_argument("--offline", action="store_true", help="skip everything that needs the network")
    check.set_defaults(command=_check)

    backup = commands.add_parser("backup", help="copy the database, also while the bot runs")
    backup.add_argument("path", type=_path, metavar="PATH", help="file to write; replaced if it exists")
    backup.set_defaults(command=_backup)
    migrate = commands.add_parser("migrate-data", help="copy a stopped bot's database into an empty one")
    migrate.add_argument("source", metavar="SOURCE", help="URL of the database to read, as for DATABASE_URL")
    migrate.add_argument(
        "target", metavar="TARGET", help="URL of an empty database, such as postgresql://user@host/name"
    )
    migrate.set_defaults(command=_migrate_data)
    return parser


def _run(_: argparse.Namespace) -> int:
    from bot.serve import serve  # noqa: PLC0415  # the sandbox and --help need none of it
    from bot.settings import Settings  # noqa: PLC0415  # likewise

    return _loop(lambda: serve(Settings.load()))


def _sandbox(arguments: argparse.Namespace) -> int:
    # The bot itself never loads the stand-ins.
    if arguments.demo is None:
        from sandbox.page.server import run_sandbox  # noqa: PLC0415  # see above

        return _loop(
            lambda: run_sandbox(
                port=arguments.port, browser=not arguments.no_browser, data=arguments.data, cog=arguments.cog
            )
        )
    from sandbox.demo import play_demo  # noqa: PLC0415  # see above

    image = None if arguments.demo is _PORTRAIT else arguments.demo
    return _loop(lambda: play_demo(image, out=arguments.out, cog=arguments.cog))


def _check(arguments: argparse.Namespace) -> int:
    from bot.diagnostics import check  # noqa: PLC0415  # only this command needs it

    return _loop(lambda: check(offline=arguments.offline))


def _backup(arguments: argparse.Namespace) -> int:
    from bot.backup import back_up  # noqa: PLC0415  # only this command needs it

    return _loop(lambda: back_up(arguments.path))


def _migrate_data(arguments: argparse.Namespace) -> int:
    from bot.migrate_data import migrate_data  # noqa: PLC0415  # only this command needs it

    return _loop(lambda: migrate_data(arguments.source, arguments.target))


def _loop(job: Callable[[], Coroutine[Any, Any, int]]) -> int:
    """Run a job on the fastest event loop that is installed."""
    with asyncio.Runner(loop_factory=_fastest_loop()) as runner:
        return runner.run(job())


def _fastest_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415  # an extra
    except ImportError:
        return None
    return uvloop.new_event_loop


def _path(text: str) -> Path:
    if not text.strip() or "\0" in text:
        raise argparse.ArgumentTypeError(f"{text!r} is not a path")
    return Path(text)


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > _PORT_MAX:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: use 0 to {_PORT_MAX}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
