"""How many bytes of unusable requests are kept: a quota per source and UTC day, and one for all.

Without it anybody could fill the disk with rubbish. Counted per worker and from its start: the
bound holds to a factor of the restarts of a day, which is what it is for (docs/adr/0032).
"""

DAY_MS = 86_400_000
MAX_SOURCES = 10_000
# Headers of the record are kept too.
OVERHEAD_BYTES = 512


class DeadLetterQuota:
    """Says whether a source may have so many more bytes kept today."""

    def __init__(self, daily_bytes: int, total_daily_bytes: int) -> None:
        self._daily_bytes = daily_bytes
        self._total_daily_bytes = total_daily_bytes
        self._day = -1
        self._used: dict[str, int] = {}
        self._total = 0

    def take(self, source: str, size: int, now_ms: int) -> bool:
        """Reserve bytes for a source (an app, else a network); False when its day is used up."""
        day = now_ms // DAY_MS
        if day != self._day:
            self._day = day
            self._used.clear()
            self._total = 0
        if source not in self._used and len(self._used) >= MAX_SOURCES:
            source = ""  # latecomers of a day with very many sources share one quota
        size += OVERHEAD_BYTES
        used = self._used.get(source, 0)
        if used + size > self._daily_bytes or self._total + size > self._total_daily_bytes:
            return False
        self._used[source] = used + size
        self._total += size
        return True
