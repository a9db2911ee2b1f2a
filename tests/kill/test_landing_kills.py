"""SIGKILL between any two writes of landing and rebuild: the repeat gives the same rows."""

import json
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.frozen_stream import FrozenStream
from tests.fakes.requests import DAY_MS, NOON, headers, send, send_batch, send_touch, track
from unmogrowp.contracts.topics import Topic
from unmogrowp.stream.memory import MemoryStream

ROOT = Path(__file__).parents[2]
MIDNIGHT = NOON + DAY_MS // 2


def traffic() -> MemoryStream:
    """Everything at once: copies, a range over midnight, poison, refusals, a late earlier copy."""
    stream = MemoryStream([str(topic) for topic in Topic])
    rng = random.Random(3)
    for index in range(6):
        received = MIDNIGHT - 2000 + index * 700
        items: list[Any] = [track(f"m{rng.randrange(9)}", received - 100) for _ in range(3)]
        if index == 1:
            items.append(b'{"type":"track","messageId":"bad","n":1e400}')
        send_batch(stream, items, received)
    # Earlier than rows of the first range, landed after them.
    send_batch(stream, [track("m1"), track("z"), {"x": 1}], MIDNIGHT - DAY_MS, rejected="2:a.b")
    for index in range(3):
        send_touch(stream, {"click_id": f"c{index % 2}"}, MIDNIGHT + index)
    send(
        stream,
        Topic.DEAD_LETTERS,
        b"{",
        headers(path="/v1/track", received_at=NOON, item_count=0, code="parse.json"),
    )
    report = {
        "collector_id": "c",
        "boot_id": "b",
        "sequence": 1,
        "reported_at": NOON,
        "started_at": NOON,
        "counts": [],
    }
    send(stream, Topic.COLLECTOR_STATS, json.dumps(report).encode(), [])
    return stream


def run_cases(
    folder: Path, *, server: str = "", step: int = 1, offset: int = 0
) -> list[dict[str, Any]]:
    """Run landing and rebuild undisturbed, and killed at every `step`-th state from `offset`."""
    stream_file = folder / "stream"
    FrozenStream.of(traffic()).save(stream_file)
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.kill.landing_case",
            str(folder),
            server,
            str(stream_file),
            str(step),
            str(offset),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=3000,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def undisturbed(cases: list[dict[str, Any]], part: str) -> dict[str, Any]:
    """Return the case of a part that nobody disturbed."""
    return next(case for case in cases if case["part"] == part and not case["killed_by"])


def differences(cases: list[dict[str, Any]]) -> list[str]:
    """Return, in words, what differs from what nobody disturbed."""
    compared = ("hashes", "events", "touches", "reports", "open", "landed", "marts", "due")
    found = []
    for case in cases:
        if "point" not in case:
            continue
        if case["killed_by"] != 9:
            found.append(f"{case['part']} {case['point']}: was not killed")
        expected = undisturbed(cases, case["part"])
        found += [
            f"{case['part']} {case['point']}: {name} {case[name]} instead of {expected[name]}"
            for name in compared
            if case[name] != expected[name]
        ]
    return found


@pytest.mark.kill
@pytest.mark.timeout(3000)
def test_killed_between_any_two_writes_the_repeat_gives_the_same_rows(tmp_path: Path) -> None:
    # Two processes, each with every other point: most of a case is starting the engine.
    folders = [tmp_path / "even", tmp_path / "odd"]
    for folder in folders:
        folder.mkdir()
    with ThreadPoolExecutor(2) as pool:
        even, odd = pool.map(lambda n: run_cases(folders[n], step=2, offset=n), range(2))
    landing, rebuild = (undisturbed(even, part) for part in ("landing", "rebuild"))
    assert [row[1] for row in landing["events"]].count("m1") == 1
    assert landing["open"] == 0
    assert landing["due"] != []
    assert rebuild["due"] == []
    visited = [(case["part"], case["point"]) for case in even + odd if "point" in case]
    assert len(visited) == len(landing["states"]) + len(rebuild["states"])
    assert {
        ("landing", "before:planned"),
        ("landing", "after:raw.requests"),
        ("landing", "after:clean.events"),
        ("landing", "after:clean.duplicates"),
        ("landing", "after:touched"),
        ("landing", "after:landed"),
        ("rebuild", "after:clean.events"),
        ("rebuild", "after:rebuilt"),
    } <= set(visited)
    assert differences(even) + differences(odd) == []
