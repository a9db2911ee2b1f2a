"""Sends a made-up day through the collector the way real clients would.

Events go through Segment's own Python client, touches as tracking links over HTTP.
"""

import json
import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import requests

from unmogrowp.errors import TransientError
from unmogrowp.simulator.demo_day import DemoDay


@dataclass(slots=True)
class SendReport:
    """What the collector answered; `surprises` are answers other than the expected ones."""

    statuses: Counter[int] = field(default_factory=Counter)
    surprises: list[str] = field(default_factory=list)


def send_day(
    day: DemoDay,
    collector_url: str,
    app_id: str,
    write_key: str,
    on_step: Callable[[int], None] = lambda _count: None,
) -> SendReport:
    """Send everything and wait until it is acknowledged.

    `on_step` is called with the number of things just sent, for a progress bar.

    Raises:
        TransientError: The SDK gave up on a batch.
    """
    report = SendReport()
    _send_events(day, collector_url, write_key, on_step)
    with requests.Session() as session:
        for touch in day.touches:
            for _ in range(touch.copies):
                answer = session.get(
                    f"{collector_url}/v1/{touch.touch_type}",
                    params={"app_id": app_id, **touch.parameters},
                    timeout=30,
                )
                _note(report, answer, 200, f"{touch.touch_type} of {touch.parameters}")
                on_step(1)
        for request in day.raw_requests:
            answer = session.post(
                f"{collector_url}{request.path}",
                data=request.body,
                headers={"Content-Type": "application/json"},
                auth=(write_key, "") if request.with_key else ("no-such-key", ""),
                timeout=30,
            )
            _note(report, answer, request.expected_status, request.title)
            on_step(1)
    return report


def _send_events(
    day: DemoDay, collector_url: str, write_key: str, on_step: Callable[[int], None]
) -> None:
    # Imported here: the module registers exit handlers.
    from segment.analytics.client import Client

    logging.getLogger("segment").setLevel(logging.CRITICAL)
    failures: list[str] = []

    def on_error(error: Exception, batch: list[dict[str, Any]]) -> None:
        failures.append(f"{len(batch)} events: {error}")

    client = Client(write_key, host=collector_url, on_error=on_error, gzip=True, upload_size=50)
    for event in day.events:
        for _ in range(event.copies):
            client.track(
                anonymous_id=f"anon-{event.device.number}",
                event=event.name,
                properties=json.loads(json.dumps(event.properties)),
                context=event.device.context(),
                timestamp=event.timestamp,
                message_id=event.message_id,
            )
            on_step(1)
    client.flush()
    client.join()
    if failures:
        raise TransientError("the SDK could not deliver " + "; ".join(failures))


def _note(report: SendReport, answer: requests.Response, expected: int, what: str) -> None:
    report.statuses[answer.status_code] += 1
    if answer.status_code != expected:
        report.surprises.append(
            f"{what}: expected {expected}, got {answer.status_code} {answer.text[:200]}"
        )
