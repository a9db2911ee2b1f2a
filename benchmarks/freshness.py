"""From the answer to a request until its attributed install can be read, by sensors alone.

Starts a stack of its own, sends a click and the install that it led to at a slow, steady rate, and
asks twice a second which of the installs stand in `mart.attributed_installs`. Nothing launches a
run but the sensors. Installs are sent by their own clock: one that is late delays no other.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests

from benchmarks.harness import arguments, machine, publish
from local_stack.addresses import OWNERS
from unmogrowp.errors import TransientError
from unmogrowp.warehouse.client import Warehouse

PROJECT = Path(__file__).parent.parent
TARGET_P95_S = 60.0
POLL_S = 0.5
# Keys are known to every collector after this time.
KEY_S = 6.0
# How long to wait for the last install after the last request.
PATIENCE_S = 300.0
REPORT_S = 15.0

_VISIBLE = """
SELECT source_message_id FROM mart.installs
WHERE app_id = {app_id:String} AND install_id IN (
    SELECT install_id FROM mart.attributed_installs
    WHERE app_id = {app_id:String} AND NOT is_organic
)
"""


@dataclass(slots=True)
class Sent:
    """When installs were answered and when they were first seen, by message id, in seconds."""

    answered: dict[str, float] = field(default_factory=dict)
    seen: dict[str, float] = field(default_factory=dict)

    @property
    def ages(self) -> list[float]:
        """Return how long each took, shortest first."""
        return sorted(self.seen[one] - self.answered[one] for one in self.seen)

    @property
    def missing(self) -> int:
        """Return how many were not seen yet."""
        return len(self.answered) - len(self.seen)


@dataclass(frozen=True, slots=True)
class Stack:
    """A running stack, and an app in it."""

    environment: dict[str, str] = field(repr=False)
    home: Path
    urls: dict[str, str]
    app_id: str
    write_key: str = field(repr=False)

    def warehouse(self) -> Warehouse:
        """Connect as an analyst."""
        password = (self.home / "secrets" / "clickhouse-analyst").read_text().strip()
        return Warehouse.connect(self.urls["clickhouse"], "analyst", password, read_only=True)

    def send(self, message_id: str) -> float:
        """Send a click and its install; return when the install was answered."""
        click_id = uuid.uuid4().hex
        # An hour before: a click that its install follows within seconds is injected.
        fields = {
            "app_id": self.app_id,
            "media_source": "bench",
            "click_id": click_id,
            "touch_at": str(int(time.time()) - 3_600),
        }
        click = requests.get(f"{self.urls['collector']}/v1/click", params=fields, timeout=30)
        click.raise_for_status()
        now = datetime.now(UTC).isoformat()
        install = {
            "type": "track",
            "event": "Application Installed",
            "messageId": message_id,
            "anonymousId": uuid.uuid4().hex,
            "timestamp": now,
            "sentAt": now,
            "properties": {"click_id": click_id},
            "context": {"os": {"name": "iOS"}, "library": {"name": "analytics-ios"}},
        }
        answer = requests.post(
            f"{self.urls['collector']}/v1/batch",
            json={"batch": [install]},
            auth=(self.write_key, ""),
            timeout=30,
        )
        answer.raise_for_status()
        return time.monotonic()


@contextmanager
def running_stack() -> Iterator[Stack]:
    """Start a stack on free ports in a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="bench-freshness-") as folder:
        os.chmod(folder, 0o711)  # nosec B103 - PostgreSQL's user must pass through
        home = Path(folder) / "var"
        ports = {f"UNMOGROWP_{name.replace('.', '__').upper()}": "0" for name in OWNERS}
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("UNMOGROWP_") or name == "UNMOGROWP_CACHE"
        }
        environment = {**kept, **ports, "UNMOGROWP_HOME": str(home)}
        try:
            _command(environment, "up", "--detach")
            rows = json.loads(_command(environment, "status", "--json"))["components"]
            app = json.loads(_command(environment, "app", "create", "Freshness", "--json"))
            time.sleep(KEY_S)
            urls = {row["name"]: row["url"] for row in rows}
            yield Stack(environment, home, urls, app["app_id"], app["write_key"])
        finally:
            _command(environment, "down")


def _command(environment: dict[str, str], *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "cli.main", *words],
        cwd=PROJECT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        stdin=subprocess.DEVNULL,
    )
    return done.stdout


def measure(stack: Stack, seconds: float, rate: float) -> Sent:
    """Send for some time while watching, then watch until the last install was seen."""
    sent = Sent()
    sender = threading.Thread(target=_send, args=(stack, sent, seconds, rate))
    sender.start()
    told = began = time.monotonic()
    with closing(stack.warehouse()) as warehouse:
        while sender.is_alive() or sent.missing:
            time.sleep(POLL_S)
            _look(warehouse, stack.app_id, sent)
            now = time.monotonic()
            if now - told >= REPORT_S:
                told = now
                sys.stderr.write(
                    f"{now - began:4.0f} s: {len(sent.answered)} sent, {len(sent.seen)} seen\n"
                )
            if now - began > seconds + PATIENCE_S:
                break
    sender.join()
    return sent


def _send(stack: Stack, sent: Sent, seconds: float, rate: float) -> None:
    began = time.monotonic()
    for number in range(int(seconds * rate)):
        time.sleep(max(began + number / rate - time.monotonic(), 0.0))
        message_id = uuid.uuid4().hex
        sent.answered[message_id] = stack.send(message_id)


def _look(warehouse: Warehouse, app_id: str, sent: Sent) -> None:
    try:
        found = warehouse.rows(_VISIBLE, {"app_id": app_id})
    except TransientError:
        return
    now = time.monotonic()
    for (message_id,) in found:
        # Only what was answered: a row may be visible before its answer has arrived here.
        if message_id in sent.answered:
            sent.seen.setdefault(message_id, now)


def quantile(ordered: Sequence[float], share: float) -> float:
    """Return the value that a share of the values does not exceed; values are in order."""
    return ordered[max(-int(-share * len(ordered) // 1) - 1, 0)]


def figures(sent: Sent) -> dict[str, Any]:
    """Return what is told, in seconds."""
    ages = sent.ages
    return {
        "installs": len(sent.answered),
        "missing": sent.missing,
        **{
            name: round(quantile(ages, share), 1) if ages else None
            for name, share in (("p50_s", 0.5), ("p95_s", 0.95), ("max_s", 1.0))
        },
    }


def main() -> int:
    """Measure; the exit code is 0 when all installs came and the target holds."""
    parser = arguments(__doc__.partition("\n")[0], runs=1)
    parser.add_argument("--seconds", type=float, default=180.0, help="of sending (default 180)")
    parser.add_argument("--rate", type=float, default=1.0, help="installs a second (default 1)")
    given = parser.parse_args()
    # Whoever ends this gets no stack left behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    all_sent = Sent()
    with running_stack() as stack:
        for _ in range(given.runs):
            one = measure(stack, given.seconds, given.rate)
            all_sent.answered |= one.answered
            all_sent.seen |= one.seen
    found = figures(all_sent)
    is_fresh = not found["missing"] and found["p95_s"] < TARGET_P95_S
    line = (
        f"freshness, request to attributed row: p50 {found['p50_s']} s, p95 {found['p95_s']} s,"
        f" max {found['max_s']} s of {found['installs']} installs, {found['missing']} missing"
        f" (target p95 < {TARGET_P95_S:.0f} s)"
    )
    facts = machine(["dagster", "clickhouse-connect", "great-expectations"])
    publish([line], facts, given.json, freshness=found)
    return 0 if is_fresh else 1


if __name__ == "__main__":
    raise SystemExit(main())
