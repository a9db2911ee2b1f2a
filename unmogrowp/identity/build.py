"""Builds clean.identities: what landed since the last build, or everything, with the same result.

The order of writes makes a build safe to repeat: the plan, the links, what follows for published
installs (restatements and touched days), the identities themselves in one step, and last that it
is built. Until the identities are written, a repeat finds what the first try found.

Days are touched under a number of their own, which the ledger of landing gets at the end: marts
built before it had read the old components, so the days stay due until they are built again.
"""

from collections.abc import Callable
from dataclasses import dataclass

from unmogrowp.clock import Clock
from unmogrowp.identity.builds import Build, BuildCounts, Stitching, next_build, record
from unmogrowp.identity.consequences import ONE_BLOCK, Consequences
from unmogrowp.identity.scratch import Scratch, scratch
from unmogrowp.warehouse.client import Warehouse
from unmogrowp.warehouse.ledger_numbers import next_number, take_number
from unmogrowp.warehouse.quality import QualityResult

# An id reset every month for three years, each time with a new vendor id, anonymous id and install
# id, are 108 identifiers; nobody honest has twice as many.
COMPONENT_LIMIT = 200
MIB = 1024 * 1024


# Tables of a full build grow with the number of identifiers; memory must not.
SPILLING = {
    "max_bytes_before_external_group_by": 256 * MIB,
    "max_bytes_before_external_sort": 256 * MIB,
    "join_algorithm": "grace_hash,hash",
    "max_bytes_in_join": 256 * MIB,
}

Reach = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class IdentityOptions:
    """What may be tuned."""

    component_limit: int = COMPONENT_LIMIT


def _nowhere(_: str) -> None:
    """Production: nothing happens between two writes."""


class Stitcher:
    """Builds identities; the caller holds the pipeline lock."""

    def __init__(
        self,
        warehouse: Warehouse,
        clock: Clock,
        options: IdentityOptions | None = None,
        *,
        reach: Reach = _nowhere,
        verify_lock: Callable[[], None] | None = None,
    ) -> None:
        """Take what a build needs.

        Args:
            warehouse: Where clean.events and the identities are.
            clock: Gives the instants that are recorded.
            options: Bounds.
            reach: Called with `before:<write>` and `after:<write>`; tests kill the process there.
            verify_lock: Raises when the pipeline lock is lost.
        """
        self._plain = self._warehouse = warehouse
        self._clock = clock
        self._options = options or IdentityOptions()
        self._reach = reach
        self._verify_lock = verify_lock or (lambda: None)

    def stitch(self, watermark: int, *, is_full: bool = False) -> list[Stitching]:
        """Bring identities up to a watermark: finish an interrupted build, then do the next.

        Args:
            watermark: Highest landing_seq such that all up to it are landed.
            is_full: Read everything anew, as after a change of the rules.

        Raises:
            AuditFailed: The new rows break their contract; the present ones stay.
        """
        done: list[Stitching] = []
        while True:
            build = next_build(
                self._warehouse, watermark, self._options.component_limit, is_full=is_full
            )
            if not (build.is_repeat or build.is_full or build.through_seq > build.after_seq):
                return done
            done.append(self._do(build))
            if not build.is_repeat:
                return done

    def _do(self, build: Build) -> Stitching:
        # A full build holds everything that was ever seen: what does not fit goes to disk.
        self._warehouse = self._plain.with_settings(SPILLING) if build.is_full else self._plain
        with scratch(self._warehouse, on_disk=build.is_full) as tables:
            counts = BuildCounts()
            consequences = Consequences(self._warehouse, self._clock, self._write)
            self._read(build, tables)
            if not build.is_repeat:
                self._write("plan", lambda: self._record(build, "planned", counts))
            number = next_number(self._warehouse)
            counts.link_count = self._write_links(build, tables)
            checks: tuple[QualityResult, ...] = ()
            if counts.link_count or tables.count("devices") or build.is_full:
                # Here and not above: polars and scipy cost half a second, and most ticks and runs
                # that load the definitions stitch nothing.
                from unmogrowp.identity.graph import Graph

                graph = Graph(self._warehouse, build, tables)
                graph.reach()
                counts.cut_count = graph.place()
                counts.node_count = tables.count("nodes")
                counts.row_count = graph.stage()
                checks = tuple(graph.checks)
                counts.moved_count = consequences.restate(build, tables, number)
            consequences.touch_days_of_aliases(build, tables, number)
            counts.touched_days = consequences.touched(number)
            if counts.row_count:
                self._write_cuts(build, tables)
                self._write("clean.identities", lambda: self._publish(build, tables))
            if counts.touched_days or build.is_repeat:
                self._write(
                    "number",
                    lambda: take_number(
                        self._warehouse,
                        number,
                        "stitched",
                        f"identity build {build.build_id}",
                        self._clock.now_ms(),
                    ),
                )
            self._write("built", lambda: self._record(build, "built", counts))
        return Stitching(build, counts, checks)

    def _read(self, build: Build, tables: Scratch) -> None:
        """Fill `seen` with links and `devices` with the keys whose links were read as a whole."""
        window = {"after": build.after_seq, "through": build.through_seq}
        names = {"target": tables["seen"], "devices": tables["devices"]}
        self._warehouse.run("identity/read_links", {**window, **names, "only_named": False})
        if build.is_full:
            return
        self._warehouse.run("identity/rebuilt_devices", {**window, "target": tables["devices"]})
        if tables.count("devices"):
            self._warehouse.run(
                "identity/read_links", {**window, **names, "after": 0, "only_named": True}
            )

    def _write_links(self, build: Build, tables: Scratch) -> int:
        """Write what is new of links; return how many this build wrote, now or before a kill."""
        self._write(
            "clean.identity_links",
            lambda: self._warehouse.run(
                "identity/write_links",
                {
                    "seen": tables["seen"],
                    "devices": tables["devices"],
                    "is_full": build.is_full,
                    "build_id": build.build_id,
                },
            ),
        )
        return int(
            self._warehouse.scalar(
                "SELECT count() FROM clean.identity_links"
                " WHERE build_id = {build_id:UInt64} AND side = 'device'",
                {"build_id": build.build_id},
            )
        )

    def _write_cuts(self, build: Build, tables: Scratch) -> None:
        written = self._warehouse.scalar(
            "SELECT count() FROM audit.identity_cuts WHERE build_id = {build_id:UInt64}",
            {"build_id": build.build_id},
        )
        if not written:
            self._write(
                "audit.identity_cuts",
                lambda: self._warehouse.run(
                    "identity/write_cuts",
                    {
                        **{
                            name: tables[name] for name in ("changes", "nodes", "labels", "present")
                        },
                        "build_id": build.build_id,
                        "limit": build.component_limit,
                        "now_ms": self._clock.now_ms(),
                    },
                    ONE_BLOCK,
                ),
            )

    def _publish(self, build: Build, tables: Scratch) -> None:
        """Make the changes visible in one step: one block, or the first time one swap."""
        changes = tables.full("changes")
        if build.is_full and not self._warehouse.scalar("SELECT count() FROM clean.identities"):
            self._swap_in(changes)
        else:
            self._warehouse.execute(
                f"INSERT INTO clean.identities SELECT * FROM {changes}",  # noqa: S608
                settings=ONE_BLOCK,
            )

    def _swap_in(self, changes: str) -> None:
        staged = f"{changes}_all"
        try:
            self._warehouse.execute(f"CREATE TABLE {staged} AS clean.identities")
            self._warehouse.execute(f"INSERT INTO {staged} SELECT * FROM {changes}")  # noqa: S608
            self._warehouse.execute(
                f"ALTER TABLE clean.identities REPLACE PARTITION tuple() FROM {staged}"
            )
        finally:
            self._warehouse.execute(f"DROP TABLE IF EXISTS {staged} SYNC")

    def _record(self, build: Build, state: str, counts: BuildCounts) -> None:
        record(self._warehouse, build, state, self._clock.now_ms(), counts)

    def _write(self, name: str, write: Callable[[], object]) -> None:
        self._verify_lock()
        self._reach(f"before:{name}")
        write()
        self._reach(f"after:{name}")
