"""One landing or rebuild, killed at one point and run again: what is in the tables afterwards.

Run as a program, because the point kills the whole process, engine included:
`python -m tests.kill.landing_case FOLDER SERVER STREAM_FILE STEP OFFSET`, where FOLDER is for
engines and SERVER, if not empty, the URL of a server with its password
(`http://pipeline:…@host:port`) instead. It forks one child per attempt; the children die by SIGKILL
at the point, the last one lives and prints.

Between `after:a` and `before:b` nothing is written: a kill there leaves what a kill at `after:a`
leaves. What counts are the states, told apart by the number of statements that write.
"""

import json
import os
import shutil
import signal
import sys
import traceback
from datetime import date
from pathlib import Path
from typing import Any, Literal

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
Part = Literal["landing", "rebuild"]
PARTS: tuple[Part, ...] = ("landing", "rebuild")


class Clock:
    """The instant of the test: a repeat must not depend on when it runs."""

    def now_ms(self) -> int:
        return 1_790_251_200_000


class CountedWarehouse(Warehouse):
    """Counts statements that write, whoever sends them."""

    writes = 0

    def execute(self, *arguments: Any, **more: Any) -> Any:
        CountedWarehouse.writes += 1
        return super().execute(*arguments, **more)

    def run(self, *arguments: Any, **more: Any) -> Any:
        CountedWarehouse.writes += 1
        return super().run(*arguments, **more)

    def insert_arrow(self, *arguments: Any, **more: Any) -> Any:
        CountedWarehouse.writes += 1
        return super().insert_arrow(*arguments, **more)


class KillAt(RecordedPoints):
    """Kills this process when the point with the number is reached."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number
        self.writes: list[int] = []

    def reach(self, point: str) -> None:
        if len(self.points) == self.number:
            os.kill(os.getpid(), signal.SIGKILL)
        self.writes.append(CountedWarehouse.writes)
        super().reach(point)

    def states(self) -> list[tuple[int, str]]:
        """Return number and name of the first point of every state a kill can leave."""
        return [
            (number, point)
            for number, point in enumerate(self.points)
            if number == 0 or self.writes[number] != self.writes[number - 1]
        ]


def open_warehouse(address: str) -> Warehouse:
    if address.startswith("http"):
        return CountedWarehouse.connect(address, "", "")
    return CountedWarehouse.embedded(address)


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


def run(address: str, stream_file: str, part: Part, number: int) -> dict[str, Any]:
    """Land everything or rebuild what is due, and say what the tables hold."""
    warehouse = open_warehouse(address)
    faults = KillAt(number)

    def touched(staged: StagedRange) -> None:
        note_range(warehouse, staged.landing_seq)

    if part == "landing":
        stream = FrozenStream.load(Path(stream_file))
        Lander(warehouse, stream, Clock(), OPTIONS, [touched], faults=faults).land()
    else:
        Rebuilder(warehouse, Clock(), OPTIONS, faults=faults).rebuild(due_days(warehouse))
    result = {
        "points": faults.points,
        "states": faults.states(),
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


def prepare(address: str, stream_file: str, part: Part) -> None:
    """Bring a warehouse to where the part begins."""
    migrate(address)
    if part == "rebuild":
        run(address, stream_file, "landing", -1)


def prepared(folder: Path, server: str, stream_file: str, part: Part) -> str:
    """Return a warehouse of its own: the server anew, or a copy of an engine prepared once."""
    if server:
        in_child(lambda: prepare(server, stream_file, part))
        return server
    template = folder / f"before-{part}"
    if not template.exists():
        in_child(lambda: prepare(str(template), stream_file, part))
    target = folder / "case"
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(template, target, symlinks=True)
    return str(target)


def case(folder: Path, server: str, stream_file: str, part: Part, number: int) -> dict[str, Any]:
    """Kill a part at the point, run it again, and return what the tables hold then."""
    address = prepared(folder, server, stream_file, part)
    ended_by, result = in_child(lambda: run(address, stream_file, part, number))
    if ended_by:
        _, result = in_child(lambda: run(address, stream_file, part, -1))
    return {"part": part, "killed_by": ended_by, **result}


def write_line(value: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Print one JSON line per state; the first of each part is that which nobody disturbs."""
    folder, server, stream_file, step, offset = sys.argv[1:6]
    skipped = int(offset)
    for part in PARTS:
        undisturbed = case(Path(folder), server, stream_file, part, -1)
        write_line(undisturbed)
        states = undisturbed["states"]
        for number, point in states[skipped :: int(step)]:
            found = case(Path(folder), server, stream_file, part, number)
            write_line({"point": point, **found})


if __name__ == "__main__":
    main()
