"""One landing, killed at one point and run again: what is in the tables afterwards.

Run as a program, because the point kills the whole process, engine included:
`python -m tests.kill.landing_case WAREHOUSE STREAM_FILE`, where WAREHOUSE is a folder for the
engine or the URL of a server with its password (`http://pipeline:…@host:port`). It forks one child
per attempt; the children die by SIGKILL at the point, the last one lives and prints.
"""

import json
import os
import shutil
import signal
import sys
import traceback
from datetime import date
from pathlib import Path
from typing import Any

from tests.fakes.frozen_stream import FrozenStream
from unmogrowp.landing.fault_points import RecordedPoints
from unmogrowp.landing.land import Lander, StagedRange
from unmogrowp.landing.options import LandingOptions
from unmogrowp.landing.rebuild import Rebuilder, due_days
from unmogrowp.warehouse.client import Warehouse
from unmogrowp.warehouse.content_hash import content_hash
from unmogrowp.warehouse.migrator import Migrator

TABLES = ("raw.requests", "clean.events", "clean.touches", "clean.failed", "clean.duplicates")
OPTIONS = LandingOptions(range_records=4)


class Clock:
    """The instant of the test: a repeat must not depend on when it runs."""

    def now_ms(self) -> int:
        return 1_790_251_200_000


class KillAt(RecordedPoints):
    """Kills this process when the point with the number is reached."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number

    def reach(self, point: str) -> None:
        if len(self.points) == self.number:
            os.kill(os.getpid(), signal.SIGKILL)
        super().reach(point)


def open_warehouse(address: str) -> Warehouse:
    if address.startswith("http"):
        return Warehouse.connect(address, "", "")
    return Warehouse.embedded(address)


def note_range(warehouse: Warehouse, number: int) -> None:
    """Stand in for the queue of marts: an idempotent write that belongs to the range."""
    warehouse.run(
        "audit/record_touched_days",
        {
            "mart": "installs",
            "state": "touched",
            "days": ["2026-09-24"],
            "watermark": number,
            "reason": "events",
            "now_ms": Clock().now_ms(),
        },
    )


def run(address: str, stream_file: str, number: int) -> dict[str, Any]:
    """Land everything, rebuild what is due, and say what the tables hold."""
    warehouse = open_warehouse(address)
    faults = KillAt(number)

    def touched(staged: StagedRange) -> None:
        note_range(warehouse, staged.landing_seq)

    stream = FrozenStream.load(Path(stream_file))
    Lander(warehouse, stream, Clock(), OPTIONS, [touched], faults=faults).land()
    Rebuilder(warehouse, Clock(), OPTIONS, faults=faults).rebuild(due_days(warehouse))
    result = {
        "points": faults.points,
        "hashes": {table: str(content_hash(warehouse, table)) for table in TABLES},
        "events": warehouse.rows("SELECT app_id, message_id FROM clean.events ORDER BY ALL"),
        "touches": warehouse.rows("SELECT app_id, touch_id FROM clean.touches ORDER BY ALL"),
        "reports": warehouse.rows(
            "SELECT collector_id, sequence, count() FROM audit.collector_reports"
            " GROUP BY ALL ORDER BY ALL"
        ),
        "open": len(warehouse.rows(_OPEN)),
        "landed": warehouse.rows(
            "SELECT topic, partition, start_offset, end_offset, received_on, sum(record_count),"
            " sum(item_count), count() FROM audit.landing_ranges WHERE state = 'landed'"
            " GROUP BY ALL ORDER BY ALL"
        ),
        "marts": warehouse.rows(
            "SELECT max(watermark) FROM audit.touched_days WHERE mart = 'installs'"
        ),
        "due": due_days(warehouse),
    }
    warehouse.close()
    return result


_OPEN = (
    "SELECT landing_seq FROM audit.landing_ranges GROUP BY landing_seq"
    " HAVING countIf(state = 'planned') > 0 AND countIf(state = 'landed') = 0"
)


def in_child(work: Any) -> tuple[int, Any]:
    """Run a function in a forked child; return its signal (0: none) and its JSON result."""
    receive, send = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(receive)
        code = 1
        try:
            with os.fdopen(send, "w") as out:
                json.dump(work(), out, default=_plain)
            code = 0
        finally:
            if code:
                traceback.print_exc()
                sys.stderr.flush()
            os._exit(code)
    os.close(send)
    with os.fdopen(receive) as answer:
        text = answer.read()
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        return os.WTERMSIG(status), None
    if os.WEXITSTATUS(status):
        raise RuntimeError("a child failed; see above")
    return 0, json.loads(text)


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, date) else str(value)


def migrate(address: str) -> None:
    warehouse = open_warehouse(address)
    migrator = Migrator(warehouse)
    migrator.down(0)
    migrator.up()
    warehouse.close()


def prepared(folder: Path, name: str) -> str:
    """Return a fresh engine folder, copied from one that was migrated once."""
    template = folder / "template"
    if not template.exists():
        in_child(lambda: migrate(str(template)))
    target = folder / name
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(template, target, symlinks=True)
    return str(target)


def case(folder: Path, server: str, stream_file: str, number: int) -> dict[str, Any]:
    """Kill a landing at the point, run it again, and return what the tables hold then."""
    if server:
        in_child(lambda: migrate(server))
        address = server
    else:
        address = prepared(folder, f"case-{number}")
    ended_by, result = in_child(lambda: run(address, stream_file, number))
    if ended_by:
        _, result = in_child(lambda: run(address, stream_file, -1))
    if not server:
        shutil.rmtree(address, ignore_errors=True)
    return {"killed_by": ended_by, **result}


def write_line(value: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Print one JSON line per point; the first is that of the landing nobody disturbs."""
    folder, server, stream_file, step, offset = sys.argv[1:6]
    undisturbed = case(Path(folder), server, stream_file, -1)
    write_line(undisturbed)
    for number in range(int(offset), len(undisturbed["points"]), int(step)):
        found = case(Path(folder), server, stream_file, number)
        write_line({"point": undisturbed["points"][number], **found})


if __name__ == "__main__":
    main()
