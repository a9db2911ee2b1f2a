"""What this worker acknowledged, told to the pipeline, so that a loss could not hide.

Counters are cumulative since boot: a report that is lost or arrives twice does no harm. A report
carries the counters that changed since the last report the stream acknowledged.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import msgspec

HOUR_MS = 3_600_000
# Counters of an hour that is this long over and was reported are let go.
KEEP_MS = 2 * HOUR_MS

Key = tuple[str, int, str]  # app_id, hour of received_at in epoch ms, topic


@dataclass(slots=True)
class _Counts:
    acknowledged_requests: int = 0
    acknowledged_items: int = 0
    unknown_requests: int = 0
    unknown_items: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    change: int = 0  # number of the last change, compared with what was reported


class Statistics:
    """Counters of one boot of one worker; used on the event loop's thread only."""

    def __init__(self, collector_id: str, boot_id: str, started_at_ms: int) -> None:
        self.collector_id = collector_id
        self.boot_id = boot_id
        self.started_at_ms = started_at_ms
        self.sequence = 0
        self._counts: dict[Key, _Counts] = {}
        self._change = 0
        self._reported_change = 0

    def count_acknowledged(self, app_id: str, received_at_ms: int, topic: str, items: int) -> None:
        """Count a request whose record the stream has."""
        counts = self._of(app_id, received_at_ms, topic)
        counts.acknowledged_requests += 1
        counts.acknowledged_items += items

    def count_unknown(self, app_id: str, received_at_ms: int, topic: str, items: int) -> None:
        """Count a request that was sent and whose outcome will never be learnt."""
        counts = self._of(app_id, received_at_ms, topic)
        counts.unknown_requests += 1
        counts.unknown_items += items

    def count_refused(self, app_id: str, received_at_ms: int, topic: str, code: str) -> None:
        """Count a request that left no record."""
        self._of(app_id, received_at_ms, topic).refused[code] += 1

    @property
    def has_news(self) -> bool:
        """Say whether anything changed since the last acknowledged report."""
        return self._change > self._reported_change

    def report(
        self,
        now_ms: int,
        *,
        is_final: bool = False,
        pending: list[tuple[Key, int]] | None = None,
    ) -> tuple[bytes, int]:
        """Return the next report and the number of the last change it holds.

        `pending` are (key, items) of requests without an outcome yet: they appear as unknown in
        this report, and the next one says what became of them.
        """
        self.sequence += 1
        extra: dict[Key, list[int]] = {}
        for key, items in pending or ():
            entry = extra.setdefault(key, [0, 0])
            entry[0] += 1
            entry[1] += items
            # The corrected count must be told even if nothing else happens.
            self._touch(self._of(*key))
        changed = self._change
        rows = []
        for (app_id, hour, topic), counts in self._counts.items():
            if counts.change <= self._reported_change:
                continue
            more = extra.get((app_id, hour, topic), (0, 0))
            rows.append(
                {
                    "app_id": app_id,
                    "hour": hour,
                    "topic": topic,
                    "acknowledged_requests": counts.acknowledged_requests,
                    "acknowledged_items": counts.acknowledged_items,
                    "unknown_requests": counts.unknown_requests + more[0],
                    "unknown_items": counts.unknown_items + more[1],
                    "refused": dict(counts.refused),
                }
            )
        for key in extra:
            self._touch(self._counts[key])
        body: dict[str, Any] = {
            "collector_id": self.collector_id,
            "boot_id": self.boot_id,
            "sequence": self.sequence,
            "reported_at": now_ms,
            "started_at": self.started_at_ms,
            "final": is_final,
            "counts": rows,
        }
        return msgspec.json.encode(body), changed

    def acknowledge(self, change: int, now_ms: int) -> None:
        """Note that a report reached the stream, and let go of hours that are over."""
        self._reported_change = max(self._reported_change, change)
        for key in [key for key in self._counts if key[1] + HOUR_MS + KEEP_MS < now_ms]:
            if self._counts[key].change <= self._reported_change:
                del self._counts[key]

    def _of(self, app_id: str, received_at_ms: int, topic: str) -> _Counts:
        key = (app_id, received_at_ms - received_at_ms % HOUR_MS, topic)
        counts = self._counts.get(key)
        if counts is None:
            counts = self._counts[key] = _Counts()
        self._touch(counts)
        return counts

    def _touch(self, counts: _Counts) -> None:
        self._change += 1
        counts.change = self._change
