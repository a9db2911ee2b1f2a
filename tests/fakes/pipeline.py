"""The jobs of Dagster over the engine inside the test process: no server, no settings."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg

from assets.auditing import ReportFolder
from assets.checks.gx import ExpectationEngine
from assets.checks.runner import QualityRunner
from assets.landing import LandingTools
from assets.rulesets import RulesetBook
from tests.fakes.landing import House
from unmogrowp.attribution.credit_queue import credit_enqueuer
from unmogrowp.attribution.touched_days import enqueuer
from unmogrowp.identity.build import IdentityOptions
from unmogrowp.identity.rebuilt import rebuilt_devices_noter
from unmogrowp.landing.land import Lander
from unmogrowp.rulesets.assignment import Promotion


class OpenLock:
    """A lock nobody else wants; remembers what it was taken for."""

    def __init__(self) -> None:
        self.purposes: list[str] = []

    @contextmanager
    def held(self, purpose: str) -> Iterator["OpenLock"]:
        self.purposes.append(purpose)
        yield self

    def verify(self) -> None:
        """Still held."""


class PipelineHouse(House):
    """A warehouse, a stream, and the resources of a code location over both."""

    def __init__(self) -> None:
        super().__init__()
        self.lock = OpenLock()
        self.promotions: list[Promotion] = []
        self.rulesets = RulesetBook(lambda: self.promotions)
        self.instance = dg.DagsterInstance.ephemeral()

    def engine_of_expectations(self) -> ExpectationEngine:
        path = self.warehouse.scalar("SELECT path FROM system.disks WHERE name = 'default'")
        return ExpectationEngine(
            "clickhousedb://default@localhost/default",
            {"interface": "chdb", "path": str(path).rstrip("/")},
        )

    def quality(self) -> QualityRunner:
        return QualityRunner(self.warehouse, self.engine_of_expectations(), self.clock, "run")

    def landing(self) -> Lander:
        return self.lander(
            after_publish=(
                enqueuer(self.warehouse, self.rulesets.all),
                credit_enqueuer(self.warehouse),
            )
        )

    def resources(self, folder: Path = Path("/nonexistent")) -> dict[str, Any]:
        return {
            "warehouse": self.warehouse,
            "clock": self.clock,
            "event_stream": self.stream,
            "pipeline_lock": self.lock,
            "rulesets": self.rulesets,
            "quality": self.quality(),
            "report_folder": ReportFolder(folder),
            "identity_options": IdentityOptions(),
            "landing": LandingTools(
                self.warehouse,
                self.stream,
                self.clock,
                self.options,
                (enqueuer(self.warehouse, self.rulesets.all), credit_enqueuer(self.warehouse)),
                "run",
                (rebuilt_devices_noter(self.warehouse),),
            ),
        }

    def run(
        self,
        job: dg.JobDefinition,
        config: dict[str, Any] | None = None,
        folder: Path = Path("/nonexistent"),
    ) -> dg.ExecuteInProcessResult:
        return job.execute_in_process(
            resources=self.resources(folder),
            run_config=config or {},
            instance=self.instance,
            raise_on_error=False,
        )
