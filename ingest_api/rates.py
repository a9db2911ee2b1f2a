"""How fast keys, apps and strangers may send; beyond it 429 and `Retry-After`.

Workers and collectors share one bucket per subject, in Valkey, but no request waits for it: a
worker leases tokens, spends them here, and settles its debts in the background (`leases.py`).
While the answer is late, or Valkey away, a bucket of the worker's own decides (docs/adr/0035).
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from ipaddress import IPv6Address

from ingest_api.requests import Request
from unmogrowp.contracts.addresses import parse_address
from unmogrowp.contracts.rejections import REJECTIONS, RejectionCode, RequestRefused

MAX_BUCKETS = 20_000
IDLE_SECONDS = 60.0
# What may be spent before the shared bucket has answered: it is paid back, never forgotten.
LEAST_CREDIT = 20
LEASE_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class RateLimits:
    """Tokens a second, 0 for no limit; a bucket holds those of `burst_seconds`."""

    events_per_key: int = 0
    touches_per_app: int = 0
    strangers_per_address: int = 0
    burst_seconds: float = 10.0


class Bucket:
    """What one worker knows of one subject. Tokens are items, or requests of strangers."""

    __slots__ = ("burst", "credit", "empty_until", "lease", "name", "own", "rate", "used_at")

    def __init__(self, name: str, rate: int, burst_seconds: float, now: float) -> None:
        self.name = name
        self.rate = rate
        self.burst = max(1.0, rate * burst_seconds)
        self.credit = max(LEAST_CREDIT, rate * LEASE_SECONDS)
        self.lease = 0.0  # negative: spent before it was granted
        self.empty_until = 0.0
        self.own = self.burst
        self.used_at = now

    def wait_s(self, now: float) -> float:
        """Return for how many seconds nothing may be spent; 0 where something may."""
        if self.empty_until > now:
            return self.empty_until - now
        if self.lease >= -self.credit:
            return 0.0
        own = self.own + (now - self.used_at) * self.rate
        return 0.0 if own >= 1 else (1 - own) / self.rate

    def spend(self, tokens: int, now: float) -> bool:
        """Spend tokens; True where a new lease is wanted. One request may overdraw."""
        self.own = min(self.burst, self.own + (now - self.used_at) * self.rate) - tokens
        self.used_at = now
        self.lease -= tokens
        return self.lease <= 0

    @property
    def debt(self) -> float:
        """Return what was spent before it was granted."""
        return max(0.0, -self.lease)

    def settle(self, paid: float, granted: float, wait_s: float, now: float) -> None:
        """Take in what the shared bucket said."""
        self.lease += paid + granted
        self.empty_until = now + wait_s if granted <= 0 else 0.0

    def forgive(self) -> None:
        """Let go of debts that nobody can be asked about: only the own bucket decides."""
        self.lease = -self.credit - 1
        self.empty_until = 0.0


class Rates:
    """Judges the requests of one worker."""

    def __init__(
        self,
        limits: RateLimits,
        secret: bytes,
        want: Callable[[Bucket], None] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limits = limits
        self._secret = secret
        self._want = want
        self._monotonic = monotonic
        self._buckets: dict[tuple[str, str], Bucket] = {}

    def admit(self, request: Request) -> None:
        """Refuse a request whose sender has nothing left, before work is spent on it.

        One without a known sender is refused only where strangers at its address were too many.

        Raises:
            RequestRefused: With the code of status 429.
        """
        bucket = self._bucket_of(request, may_be_new=request.sender is not None)
        if bucket is not None:
            wait_s = bucket.wait_s(self._monotonic())
            if wait_s > 0:
                raise _over(wait_s)

    def charge(self, request: Request, items: int) -> None:
        """Count what was sent to the stream."""
        bucket = self._bucket_of(request, may_be_new=True)
        if bucket is not None:
            self._spend(bucket, items, self._monotonic())

    def judge_refusal(self, request: Request, refusal: RequestRefused) -> RequestRefused:
        """Count a stranger's request; return why it is refused: 429 instead, beyond the limit."""
        if request.sender is not None or not REJECTIONS[refusal.code].is_kept:
            return refusal
        bucket = self._bucket_of(request, may_be_new=True)
        if bucket is None:
            return refusal
        now = self._monotonic()
        wait_s = bucket.wait_s(now)
        if wait_s > 0:
            return _over(wait_s)
        self._spend(bucket, 1, now)
        return refusal

    def _spend(self, bucket: Bucket, tokens: int, now: float) -> None:
        if not bucket.spend(tokens, now):
            return
        if self._want is not None:
            self._want(bucket)
        else:
            bucket.forgive()

    def _bucket_of(self, request: Request, *, may_be_new: bool) -> Bucket | None:
        sender = request.sender
        if sender is None:
            rate = self._limits.strangers_per_address
            kind, name = "address", _source(request.address, self._secret) if rate else ""
        elif sender.key_id:
            rate, kind, name = self._limits.events_per_key, "key", sender.key_id
        else:
            rate, kind, name = self._limits.touches_per_app, "app", sender.app_id
        if not rate:
            return None
        bucket = self._buckets.get((kind, name))
        if bucket is None and may_be_new:
            bucket = self._new_bucket(kind, name, rate)
        return bucket

    def _new_bucket(self, kind: str, name: str, rate: int) -> Bucket:
        now = self._monotonic()
        if len(self._buckets) >= MAX_BUCKETS:
            busy = {k: b for k, b in self._buckets.items() if now - b.used_at < IDLE_SECONDS}
            self._buckets = busy if len(busy) < MAX_BUCKETS else {}
        bucket = Bucket(f"{kind}:{name}", rate, self._limits.burst_seconds, now)
        if self._want is None:
            bucket.forgive()
        self._buckets[kind, name] = bucket
        return bucket


@lru_cache(maxsize=MAX_BUCKETS)
def _source(address: str, secret: bytes) -> str:
    """Return a keyed hash of an address: of IPv6 its /64, which is one household's."""
    parsed = parse_address(address)
    if isinstance(parsed, IPv6Address):
        source = parsed.packed[:8]
    else:
        source = parsed.packed if parsed else address.encode()
    return blake2b(source, key=secret, digest_size=16).hexdigest()


def _over(wait_s: float) -> RequestRefused:
    refusal = RequestRefused(RejectionCode.RATE_LIMITED, "over the rate; come back later")
    refusal.retry_after_seconds = max(1, math.ceil(wait_s))
    return refusal
