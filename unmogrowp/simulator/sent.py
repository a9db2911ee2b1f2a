"""Remembers, in a market's folder, how much of it each app has got, so that sending can go on."""

import json
from pathlib import Path

SENT = "sent.json"


class SentSoFar:
    """How many requests of a folder's traffic were answered for good, per app."""

    def __init__(self, folder: Path, app_id: str) -> None:
        self._file = folder / SENT
        self._app_id = app_id

    @property
    def count(self) -> int:
        """Return the number of requests from the beginning that need not be sent again."""
        return int(self._read().get(self._app_id, 0))

    def set(self, count: int) -> None:
        """Write it down; a kill leaves the old number or the new one."""
        partial = self._file.with_suffix(".partial")
        partial.write_text(json.dumps({**self._read(), self._app_id: count}))
        partial.replace(self._file)

    @classmethod
    def apps(cls, folder: Path) -> list[str]:
        """Return the apps a folder was sent to."""
        return sorted(cls(folder, "")._read())

    def _read(self) -> dict[str, int]:
        try:
            return dict(json.loads(self._file.read_text()))
        except (FileNotFoundError, ValueError):
            return {}
