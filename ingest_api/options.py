"""What a collector worker is told: limits, budgets and times, as plain values."""

from dataclasses import dataclass, field
from pathlib import Path

from ingest_api.rates import RateLimits
from unmogrowp.contracts.limits import Limits

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class CollectorOptions:
    """Sizes in bytes, times in the unit of the name; budgets are those of one worker."""

    collector_id: str = "collector-0"
    home: Path = Path("var")
    limits: Limits = field(default_factory=Limits)
    in_flight_bytes: int = 64 * MIB
    ack_timeout_ms: int = 20_000
    stall_ms: int = 5_000
    start_wait_seconds: float = 5.0
    retry_after_seconds: int = 5
    body_timeout_seconds: float = 30.0
    dead_letter_daily_bytes: int = 64 * MIB
    dead_letter_total_daily_bytes: int = 1024 * MIB
    min_free_disk_bytes: int = 512 * MIB
    stats_interval_seconds: float = 5.0
    rates: RateLimits = field(default_factory=RateLimits)
    trusted_proxies: frozenset[str] = frozenset({"127.0.0.1", "::1"})

    @property
    def control_socket(self) -> Path:
        """Return where this worker answers `POST /report`."""
        return self.home / "run" / "collector" / f"{self.collector_id}.sock"
