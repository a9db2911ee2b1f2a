"""Leases of tokens from buckets that all workers of all collectors share, in Valkey or Redis.

One call at a time for all buckets that want tokens, at most fifty a second, on a task of its own.
Whatever befalls Valkey, requests go on: this task then forgives debts and asks again later.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence

import redis.asyncio as redis
from redis.exceptions import RedisError

from ingest_api.rates import LEASE_SECONDS, Bucket

logger = logging.getLogger(__name__)

PREFIX = "unmogrowp:rate:"
INTERVAL_SECONDS = 0.02
PAUSE_SECONDS = 1.0
TIMEOUT_SECONDS = 0.5

# A bucket is (tokens, ms). Debts are taken whole, so that nothing spent on credit is forgotten,
# though never deeper than one burst; what is left after them is granted.
_SCRIPT = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local answers = {}
for number, key in ipairs(KEYS) do
  local at = (number - 1) * 4
  local rate, burst = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  local debt, want = tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4])
  local state = redis.call('HMGET', key, 'tokens', 'at')
  local tokens = tonumber(state[1]) or burst
  local elapsed = math.max(0, now - (tonumber(state[2]) or now))
  tokens = math.max(-burst, math.min(burst, tokens + elapsed * rate / 1000) - debt)
  local granted = math.max(0, math.min(want, tokens))
  tokens = tokens - granted
  redis.call('HSET', key, 'tokens', tostring(tokens), 'at', now)
  redis.call('PEXPIRE', key, math.ceil((burst - tokens) / rate * 1000) + 60000)
  local wait = 0
  if granted <= 0 then wait = (1 - tokens) / rate end
  answers[#answers + 1] = tostring(granted)
  answers[#answers + 1] = tostring(wait)
end
return answers
"""

# Given (bucket, debt, wanted tokens), answers (granted tokens, seconds until there are more).
Ask = Callable[[Sequence[tuple[Bucket, float, float]]], Awaitable[list[tuple[float, float]]]]


class Leases:
    """Asks for one worker."""

    def __init__(self, ask: Ask, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._ask = ask
        self._monotonic = monotonic
        self._wanting: dict[str, Bucket] = {}
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._is_away = False

    def want(self, bucket: Bucket) -> None:
        """Ask for tokens of a bucket soon."""
        self._wanting[bucket.name] = bucket
        self._wake.set()

    def start(self) -> None:
        """Begin on the running loop."""
        self._task = asyncio.create_task(self._run(), name="leases")

    async def stop(self) -> None:
        """End the task."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            wanting, self._wanting = list(self._wanting.values()), {}
            await asyncio.sleep(INTERVAL_SECONDS if await self._settle(wanting) else PAUSE_SECONDS)

    async def _settle(self, buckets: list[Bucket]) -> bool:
        debts = [(one, one.debt, max(1.0, one.rate * LEASE_SECONDS)) for one in buckets]
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                answers = await self._ask(debts)
        except (RedisError, OSError, TimeoutError) as error:
            if not self._is_away:
                logger.warning("rates are this worker's own for now: %s", type(error).__name__)
            self._is_away = True
            for one in buckets:
                one.forgive()
            return False
        self._is_away = False
        now = self._monotonic()
        for (one, debt, _), (granted, wait_s) in zip(debts, answers, strict=True):
            one.settle(debt, granted, wait_s, now)
        return True


class Valkey:
    """The shared buckets; connects when first asked."""

    def __init__(self, url: str, password: str) -> None:
        self._client = redis.Redis.from_url(
            url,
            password=password or None,  # one in the URL goes first
            socket_timeout=TIMEOUT_SECONDS,
            socket_connect_timeout=TIMEOUT_SECONDS,
            decode_responses=True,
        )
        self._script = self._client.register_script(_SCRIPT)

    async def ask(self, debts: Sequence[tuple[Bucket, float, float]]) -> list[tuple[float, float]]:
        """Pay debts and take leases, in one call."""
        values = [
            number for one, debt, want in debts for number in (one.rate, one.burst, debt, want)
        ]
        found = await self._script(keys=[PREFIX + one.name for one, _, _ in debts], args=values)
        numbers = [float(text) for text in found]
        return list(zip(numbers[::2], numbers[1::2], strict=True))
