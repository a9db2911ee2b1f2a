"""The ledger of builds: which ranges each has read, and which one is not finished.

A build is written down before it writes anything. Whoever finds one that is planned and not built
repeats exactly that one: it reads the same ranges and writes rows of the same number.
"""

from dataclasses import dataclass, field

from unmogrowp.warehouse.client import Warehouse
from unmogrowp.warehouse.quality import QualityResult


@dataclass(frozen=True, slots=True)
class Build:
    """One build: reads ranges after `after_seq` through `through_seq`, or with `is_full` all."""

    build_id: int
    is_full: bool
    after_seq: int
    through_seq: int
    component_limit: int
    is_repeat: bool = False


@dataclass(slots=True)
class BuildCounts:
    """What a build did; all zero where nothing new was seen."""

    link_count: int = 0
    node_count: int = 0
    row_count: int = 0
    moved_count: int = 0
    cut_count: int = 0
    touched_days: int = 0


@dataclass(frozen=True, slots=True)
class Stitching:
    """A finished build and what it did."""

    build: Build
    counts: BuildCounts = field(default_factory=BuildCounts)
    checks: tuple[QualityResult, ...] = ()

    @property
    def summary(self) -> str:
        """Return one line for people."""
        counts = self.counts
        return (
            f"{counts.link_count} links changed, {counts.node_count} identifiers stitched,"
            f" {counts.moved_count} devices moved, {counts.cut_count} identifiers cut,"
            f" {counts.touched_days} days touched; through landing_seq {self.build.through_seq}"
        )


def next_build(
    warehouse: Warehouse, watermark: int, component_limit: int, *, is_full: bool
) -> Build:
    """Return the build to do: one that was interrupted, or the next up to the watermark.

    The first build is a full one, and so is the first one with another limit.
    """
    rows = warehouse.named_rows("identity/builds")
    if not rows:
        return Build(1, True, 0, watermark, component_limit)
    number, is_built, was_full, after, through, limit = rows[0]
    if not is_built:
        return Build(number, bool(was_full), after, through, limit, is_repeat=True)
    if is_full or limit != component_limit:
        return Build(number + 1, True, 0, watermark, component_limit)
    return Build(number + 1, False, through, watermark, component_limit)


def is_behind(warehouse: Warehouse, watermark: int) -> bool:
    """Say whether there is something to build: new rows, rows that were rebuilt, an open build."""
    rows = warehouse.named_rows("identity/builds")
    if not rows:
        return watermark > 0
    _, is_built, _, _, through, _ = rows[0]
    if not is_built:
        return True
    found = warehouse.named_rows("identity/unread_events", {"after": through, "through": watermark})
    return bool(found[0][0])


def record(
    warehouse: Warehouse, build: Build, state: str, now_ms: int, counts: BuildCounts
) -> None:
    """Append a row about a build, `planned` or `built`."""
    warehouse.run(
        "identity/record_build",
        {
            "build_id": build.build_id,
            "state": state,
            "is_full": build.is_full,
            "after": build.after_seq,
            "through": build.through_seq,
            "limit": build.component_limit,
            "link_count": counts.link_count,
            "node_count": counts.node_count,
            "row_count": counts.row_count,
            "moved_count": counts.moved_count,
            "cut_count": counts.cut_count,
            "touched_days": counts.touched_days,
            "now_ms": now_ms,
        },
    )
