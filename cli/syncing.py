"""What `unmogrowp sync` does, apart from how it is shown.

Fixes an instant T, then makes everything acknowledged before it visible and proves it: collectors
report, landing reads up to the end offsets seen then, due days are rebuilt and built, and all
layers are compared up to T. Sensors do the same work all the time: whatever they finish first is
simply not due any more, and pools keep the runs apart.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from cli.dagster_client import DagsterClient, FinishedRun
from unmogrowp.attribution.credit_queue import due_credit, has_new_identities
from unmogrowp.attribution.touched_days import due
from unmogrowp.errors import PermanentError, TransientError
from unmogrowp.identity.builds import is_behind
from unmogrowp.landing.lag import lag
from unmogrowp.landing.ranges import Ledger
from unmogrowp.landing.rebuild import due_days as due_clean_days
from unmogrowp.stream.port import StreamReader
from unmogrowp.warehouse.client import Warehouse

ATTEMPTS = 3
DAYS_PER_RUN = 60
_POLL_S = 0.3
_TAGS = {"unmogrowp/by": "sync"}

Ends = Mapping[tuple[str, int], int]
Tell = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class IdentitySum:
    """One identity of the reconciliation, summed over apps and hours."""

    identity: str
    scope: str
    comparisons: int
    left: int
    right: int
    differences: int


@dataclass(slots=True)
class Outcome:
    """What a sync did and found; `faults` are sentences, empty when all is well."""

    received_before_ms: int
    audit_id: str
    runs: list[FinishedRun] = field(default_factory=list)
    built_days: set[date] = field(default_factory=set)
    identities: list[IdentitySum] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    is_aborted: bool = False

    @property
    def is_ok(self) -> bool:
        """Return whether every difference is zero and every check passed."""
        return not self.faults


class Sync:
    """One synchronisation; every step may be repeated and may find its work done already."""

    def __init__(
        self,
        warehouse: Warehouse,
        reader: StreamReader,
        dagster: DagsterClient,
        *,
        deadline: float,
        tell: Tell,
    ) -> None:
        self._warehouse = warehouse
        self._reader = reader
        self._dagster = dagster
        self._deadline = deadline
        self._tell = tell

    def land(self, ends: Ends, outcome: Outcome) -> None:
        """Land up to end offsets; a sensor's run that is on its way is waited for first."""
        total = max(self._behind(ends), 1)
        failures: list[FinishedRun] = []
        while behind := self._behind(ends):
            self._tell(f"landing, {behind} records wait", 1 - behind / total)
            if self._dagster.in_flight("ingest_job"):
                self._pause("landing")
                continue
            until = [
                {"topic": topic, "partition": partition, "end": end}
                for (topic, partition), end in sorted(ends.items())
            ]
            config = {"ops": {"land_micro_batches": {"config": {"until": until}}}}
            self._attempt("ingest_job", config, outcome, failures)

    def build(self, outcome: Outcome) -> None:
        """Rebuild and build every day that is due now; days that become due later are others'."""
        failures: list[FinishedRun] = []
        while clean := due_clean_days(self._warehouse):
            self._tell(f"rebuilding {len(clean)} day(s) of the clean tables", 0.0)
            if self._dagster.in_flight("rebuild_job"):
                self._pause("rebuild")
                continue
            self._attempt("rebuild_job", {}, outcome, failures)
        failures = []
        remaining = {entry.day for entry in due(self._warehouse)}
        total = max(len(remaining), 1)
        watermark = Ledger(self._warehouse).watermark()
        is_stitched = not is_behind(self._warehouse, watermark)
        has_inherited = False
        while True:
            remaining &= {entry.day for entry in due(self._warehouse)}
            if not is_stitched and not is_behind(self._warehouse, watermark):
                # Identities come first in a run and may have touched days of published installs.
                is_stitched = True
                remaining = {entry.day for entry in due(self._warehouse)}
            if not remaining and is_stitched and not has_inherited:
                # Decisions that came out otherwise touch later days, on which events inherit them.
                has_inherited = True
                remaining = {entry.day for entry in due(self._warehouse, ("events",))}
            if not remaining and is_stitched:
                return
            self._tell(f"building {len(remaining)} day(s) of the marts", 1 - len(remaining) / total)
            if self._dagster.in_flight("marts_job"):
                self._pause("marts")
                continue
            days = sorted(remaining)[:DAYS_PER_RUN]
            config = {"days": [day.isoformat() for day in days]}
            run = self._attempt(
                "marts_job", {"ops": {"build_due_days": {"config": config}}}, outcome, failures
            )
            if run.is_success:
                outcome.built_days.update(days)
                remaining -= set(days)

    def share_out(self, outcome: Outcome) -> None:
        """Share out the credit of every day that is due now."""
        failures: list[FinishedRun] = []
        if has_new_identities(self._warehouse):
            # Which days that concerns, the run finds out; it builds what is due meanwhile.
            while self._dagster.in_flight("credit_job"):
                self._pause("credit")
            self._attempt("credit_job", {}, outcome, failures)
        remaining = {day for day, _ in due_credit(self._warehouse)}
        total = max(len(remaining), 1)
        while remaining := remaining & {day for day, _ in due_credit(self._warehouse)}:
            self._tell(f"sharing out {len(remaining)} day(s)", 1 - len(remaining) / total)
            if self._dagster.in_flight("credit_job"):
                self._pause("credit")
                continue
            days = sorted(remaining)[:DAYS_PER_RUN]
            config = {"days": [day.isoformat() for day in days]}
            run = self._attempt(
                "credit_job", {"ops": {"build_due_credit": {"config": config}}}, outcome, failures
            )
            if run.is_success:
                remaining -= set(days)

    def audit(self, lookback_hours: int, outcome: Outcome) -> None:
        """Check what landed and compare all layers up to T, leaving nothing out."""
        self._tell("checking and reconciling", 0.0)
        config = {
            "mode": "sync",
            "audit_id": outcome.audit_id,
            "received_before_ms": outcome.received_before_ms,
            "lookback_hours": lookback_hours,
        }
        run = self._run("audit_job", {"ops": {"reconcile_layers": {"config": config}}}, outcome)
        outcome.identities = self._identities(outcome.audit_id)
        if not run.is_success:
            outcome.faults.append(f"audit: {run.reason}")
        if not any(one.left or one.right for one in outcome.identities):
            outcome.faults.append("nothing was compared: no request was received before this sync")

    def _identities(self, audit_id: str) -> list[IdentitySum]:
        return [
            IdentitySum(str(row[0]), str(row[1]), *(int(value) for value in row[2:]))
            for row in self._warehouse.named_rows(
                "audit/reconciliation_summary", {"audit_id": audit_id}
            )
        ]

    def _behind(self, ends: Ends) -> int:
        """Return how many offsets below the ends are not landed; an open range counts as one."""
        behind = 0
        for entry in lag(self._warehouse, self._reader):
            end = ends.get((entry.topic, entry.partition), 0)
            behind += max(end - entry.landed_end, 0) or int(entry.is_open)
        return behind

    def _attempt(
        self,
        job: str,
        config: Mapping[str, Any],
        outcome: Outcome,
        failures: list[FinishedRun],
    ) -> FinishedRun:
        """Run a job; give up after a few failures of the same step."""
        run = self._run(job, config, outcome)
        if not run.is_success:
            failures.append(run)
            if len(failures) >= ATTEMPTS:
                raise PermanentError(f"{job} failed {ATTEMPTS} times: {run.reason}")
        return run

    def _run(self, job: str, config: Mapping[str, Any], outcome: Outcome) -> FinishedRun:
        run = self._dagster.run(job, config, _TAGS, self._deadline)
        outcome.runs.append(run)
        return run

    def _pause(self, step: str) -> None:
        if time.monotonic() > self._deadline:
            raise TransientError(f"the time limit passed while waiting for the {step} of a sensor")
        time.sleep(_POLL_S)


def end_offsets(reader: StreamReader, topics: Sequence[str]) -> dict[tuple[str, int], int]:
    """Return the present end of every partition."""
    return {(span.topic, span.partition): span.end for span in reader.spans(topics)}
