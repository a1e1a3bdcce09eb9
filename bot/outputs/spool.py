"""Spool: where output files lie between Replicate, which soon forgets them, and Discord."""

import shutil
from pathlib import Path


class Spool:
    """One folder a run, under one root. Blocking: its calls belong in a thread."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def folder(self, run_id: str) -> Path:
        """Return the run's folder; whoever writes there makes it."""
        return self._root / run_id

    def forget(self, run_id: str) -> None:
        """Remove what lies there for a run that is delivered; nothing there is fine."""
        shutil.rmtree(self.folder(run_id), ignore_errors=True)

    def kept(self) -> tuple[str, ...]:
        """Return the ids of the runs that something lies there for."""
        if not self._root.is_dir():
            return ()
        return tuple(entry.name for entry in self._root.iterdir() if entry.is_dir())
